// Search without a server.  A page that is opened as a file may not start a worker, so here the worker's script runs
// in a hidden frame of the page instead.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.setAttribute("aria-hidden", "true");
      this.ready = new Promise((ready) => {
        frame.onload = () => {
          const inside = frame.contentWindow;
          const load = (address) =>
            new Promise((done) => {
              const script = inside.document.createElement("script");
              script.src = address;
              script.onload = done;
              inside.document.head.append(script);
            });
          inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          inside.importScripts = async (...addresses) => {
            for (const address of addresses) await load(address);
          };
          load(url).then(() => ready(inside));
        };
      });
      frame.srcdoc = "<!doctype html><html><head></head><body></body></html>";
      document.body.append(frame);
    }

    postMessage(data) {
      this.ready.then((inside) => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }

    terminate() {}
  };
  window.Worker = window.IFrameWorker;
}

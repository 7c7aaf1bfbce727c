# The web form: docker build -t mfu-planner . && docker run --rm -p 8501:8501 mfu-planner
FROM python:3.12-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir build
COPY . .
RUN python -m build --wheel --outdir /wheels

FROM python:3.12-slim
COPY requirements.lock /tmp/requirements.lock
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --require-hashes --requirement /tmp/requirements.lock \
 && pip install --no-cache-dir --no-deps /wheels/*.whl \
 && python -m compileall -q "$(python -c 'import mfu_planner, pathlib; print(pathlib.Path(mfu_planner.__file__).parent)')" \
 && rm -rf /wheels /tmp/requirements.lock \
 && useradd --create-home --shell /usr/sbin/nologin planner
USER planner
WORKDIR /home/planner
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["mfu-planner", "app", "--address", "0.0.0.0", "--port", "8501"]

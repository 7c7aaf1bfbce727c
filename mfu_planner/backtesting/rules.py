"""How a published row is read where it leaves something blank, in words (the numbers: ``calibration/rules.yaml``)."""

RULES = (
    "model: a config.json of a published type from hidden, layers, heads (blank = hidden ÷ 128), kv_heads (blank = "
    "heads), head_dim (blank = hidden ÷ heads), ffn and vocab (blank = the preset of the model's name where hidden and "
    "layers agree, else what the source says of its models, else from the stated parameters (ffn: or those in the "
    "name), else 4 × hidden and 50,304), tied (blank = tied without a gate); feed-forward with a gate by the model's "
    "name, else what comes nearer to the stated parameters, else unless ffn = 4 × hidden; `top-k of n` in arch_notes "
    "makes n experts of that ffn; an encoder by its name or notes: pre-training heads that see 15% of the positions, a "
    "span classifier where it is fine-tuned; a sliding window where the notes state its width (half where that is "
    "the most of a growing one); dimensions blank = that preset, of images at the size in arch_notes; a benchmark of "
    "one layer is left out",
    "hardware: hw_key (blank = hardware) resolved in the catalogue; counts said to be chips where the device is a core "
    "are multiplied; num_devices blank = tp·pp·cp·dp; seq_len blank = tokens ÷ sequences of the batch",
    "dtype: the narrowest that its text names (fp32 is TF32 where the notes say so); blank = bf16, but fp8 in MLPerf "
    "logs on Hopper and later; left out where the device has no rate in it",
    "vpp, cp, ep: blank = 1 (ep: as far as devices and experts allow where the text names DeepEP); tp and pp: blank = "
    "what the stated dp leaves of the devices, else 1; "
    "dp = devices ÷ (tp·pp·cp) (a stated dp that contradicts the rest is not used)",
    "tp, pp and sharding all blank (and a stack that does not shard weights): one device where 18 byte per "
    "parameter take at most 60% of its memory, else the least tp of which that is so, else tp 8 and the fewest stages "
    "(1.5 byte where only adapters are "
    "trained); vpp blank where the notes say interleaved, and in MLPerf logs: two layers a chunk; a batch smaller "
    "than dp (and cp blank, or adapters): cp = dp ÷ batch",
    "global batch: sequences, else tokens ÷ seq_len, else from step time × rate, else micro_batch × dp × grad_accum; "
    "blank in all of them: left out. A step of reinforcement learning is no training step and left out",
    "micro_batch: blank = global batch ÷ (dp · grad_accum) where accumulation is stated, else 1 (JAX: the whole "
    "batch; models below 2B: 16,384 tokens, fewer by as much as the vocabulary "
    "exceeds 51,200); what is stated stands, but for a local batch that is larger than the "
    "global batch allows: with pipeline stages it is cut into single sequences",
    "sharding: read from its text; blank = what the software stack does by default",
    "recompute: full, selective (any kind), none; blank = what the software stack does by default",
    "sequence parallelism: what the stack does by default with tp > 1; 2022 Megatron rows only where the notes say so",
    "compile: yes where the column says yes",
    "software stack and network: first rule of calibration/rules.yaml whose words occur in the row's text; on TPUs "
    "JAX; Megatron is that of the device's generation and the row's date, and what tensor or pipeline parallelism "
    "without a known word means; fine-tuning in NeMo's and Megatron-Bridge's tables: examples of 150 tokens packed",
    "scale-up domain: gpus_per_node; on NVL72 systems 72, limited to the job's devices",
    "adapters only (rank 16) where kind or notes say LoRA, as a word; network: the fastest interface that the text "
    "names, bits or bytes as written, storage, management, NVLink and PCIe left out",
    "optimizer: Adam with a 32-bit weight; torchtune's recipes train in pure 16 bits, on one device with paged 8-bit "
    "Adam in the backward pass",
    "what no question can ask is left out, with the reason: part of a sequence on a device, more stages than layers",
    "published step time: step_time_s, else global batch ÷ (tokens/s per device · devices), else from the reported "
    "TFLOP/s or MFU by the convention of its source (published_runs/sources.yaml)",
)

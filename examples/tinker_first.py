"""A program for the Tinker service: it runs there, and on `straw serve`, by the environment alone.

TINKER_BASE_URL=http://127.0.0.1:8000 TINKER_API_KEY=tml-local python examples/tinker_first.py tiny-1M
"""

import sys

import tinker

client = tinker.ServiceClient().create_lora_training_client(base_model=sys.argv[1], rank=8).result()
prompt, reply = [5, 6, 7, 8], [9, 10, 11]  # token ids: client.get_tokenizer() makes them of text
datum = tinker.Datum(
    model_input=tinker.ModelInput.from_ints(prompt + reply[:-1]),
    loss_fn_inputs={"target_tokens": [0, 0, 0, *reply], "weights": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]},
)
for _step in range(20):
    found = client.forward_backward([datum], "cross_entropy")
    client.optim_step(tinker.AdamParams(learning_rate=2e-3)).result()
    print(f"loss {found.result().metrics['loss:sum']:.3f}")
print(client.save_state("first").result().path)

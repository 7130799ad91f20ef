"""A training loop of your own, from the verbs of an engine: REINFORCE on the secret game, without straw's loop.

python examples/my_engine_loop.py
"""

import straw

GROUP, RATE = 32, 5e-4  # rollouts a step; of AdamW


def learn(page, steps=40):
    """The mean reward of each step."""
    engine, task = straw.engine(page), page.task
    problem = task.problem(0)
    prompt = engine.chat.opening(problem.messages)
    params = straw.SamplingParams(max_tokens=4, stop=engine.chat.closes)
    loss, adam = straw.Loss(name="importance_sampling"), straw.AdamParams(learning_rate=RATE)
    means = []
    for step in range(steps):
        seeds = [[step * GROUP + number for number in range(GROUP)]]  # each fixes a reply
        (replies,) = engine.sample([prompt], GROUP, params, seeds)
        texts = [engine.chat.decode(reply.tokens) for reply in replies]
        rewards = [float(all(task.grade(problem, [text], straw.End.ANSWERED).hits)) for text in texts]
        mean = sum(rewards) / GROUP
        means.append(mean)
        if 0 < mean < 1:  # a group that is paid alike teaches nothing
            data = [datum(prompt, reply, reward - mean) for reply, reward in zip(replies, rewards, strict=True)]
            engine.forward_backward(data, loss)
            engine.optim_step(adam)
            engine.publish()  # from here on `sample` writes with the new weights
    return means


def datum(prompt, reply, advantage):
    """A prompt and a reply as the trainer takes them: every token has the advantage of the whole."""
    length = len(reply.tokens)
    return straw.Datum(
        prompt=prompt,
        tokens=reply.tokens,
        weights=(1 / GROUP,) * length,
        advantages=(advantage,) * length,
        logprobs=reply.logprobs,
    )


if __name__ == "__main__":
    for step, reward in enumerate(learn(straw.load("secret", N=16, model="tiny-0.2M"))):
        print(f"step {step:2d}  mean reward {reward:.2f}")

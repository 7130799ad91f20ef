"""The benchmark: how many episodes a learner takes to know a secret, beside the least that anybody could.

    games -> draws -> play -> entry -> score            straw bench
                        |      entry -> check           straw board --check
                       wall    entries -> board         straw board

`games` is the table of what is played, `play` one run of it. A learner lives behind the `wall`, in a process that gets
replies and what they were paid, and asks for the engine's verbs; weights and secret stay on this side.
"""

"""Programs that nobody has read, run where they can do no harm, or not at all.

from straw.sandbox import Limits, run
run(["python", "-c", "print(6 * 7)"], limits=Limits(cpu_s=2)).stdout      ->  b"42\\n"

limits, process     what a run may use; running a command
bubblewrap, system  namespaces; what can be read in them
programs            a model's program, asked for values: what is right stays outside
inside/             what runs in there: it imports nothing of the house
"""

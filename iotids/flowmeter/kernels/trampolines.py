"""A function that takes all words of another function's arguments in one piece of memory, and calls it with them.

Python hands arguments over one by one, and kernels take up to 150 words: that took as long as some kernels themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

NAME = "from_words"


def trampoline(fractions: Sequence[bool]) -> bytes:
    """Object file of NAME(words), for words of 64 bits: calls the function that lies at words[0] with all behind it, of
    which some are fractions.
    """
    import llvmlite.binding as llvm
    from llvmlite import ir

    word = ir.IntType(64)
    kinds = [ir.DoubleType() if is_fraction else word for is_fraction in fractions]
    called = ir.FunctionType(ir.IntType(32), kinds)
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    function = ir.Function(module, ir.FunctionType(called.return_type, [word.as_pointer()]), NAME)
    builder = ir.IRBuilder(function.append_basic_block())
    address, *words = [
        builder.load(builder.bitcast(builder.gep(function.args[0], [word(i)]), kind.as_pointer()))
        for i, kind in enumerate([word, *kinds])
    ]
    builder.ret(builder.call(builder.inttoptr(address, called.as_pointer()), words))
    target = llvm.Target.from_triple(module.triple)
    machine = target.create_target_machine(opt=2, codemodel="jitdefault", jit=True)
    return machine.emit_object(llvm.parse_assembly(str(module)))

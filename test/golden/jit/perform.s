# What is called for: products without carries, a class, a rounding mode of its own.
loop:
    clmul t0, a1, a2
    fclass.d t1, fa0
    fadd.s fa1, fa1, fa2, 3
    jal zero, loop

# Arithmetic in a loop: registers live in locals.
loop:
    addi a0, a0, 1
    slli a1, a0, 3
    xor a2, a2, a1
    mulw a3, a2, a0
    sltu a4, a3, a2
    jal zero, loop

# A jump through a register to one of the blocks near it.
loop:
    addi s0, s0, 1
    andi t0, s0, 1
    slli t0, t0, 3
    auipc t1, 0
    add t1, t1, t0
    jalr zero, t1, 12
    addi a0, a0, 1
    jal zero, loop
    addi a1, a1, 1
    jal zero, loop

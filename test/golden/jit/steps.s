# A copy of words: several rounds in a row with one look for the source, and one for the target.
loop:
  lw a3, a0, 0
  sw a3, a1, 0
  addi a0, a0, 4
  addi a1, a1, 4
  bne a0, a2, loop
  jal zero, 0

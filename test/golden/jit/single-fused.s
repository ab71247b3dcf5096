# Fused singles by way of doubles; a tie leaves.
loop:
    fnmadd.s fa3, fa0, fa1, fa2, 7
    jal zero, loop

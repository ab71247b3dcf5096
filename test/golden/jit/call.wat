(module
 (type $0 (func (param i32 i64 i32) (result i32)))
 (type $1 (func (param i64 i32 i32) (result i32)))
 (type $2 (func (param i64) (result i32)))
 (import "m" "m" (memory $mimport$0 1))
 (import "m" "r" (func $fimport$0 (param i64 i32 i32) (result i32)))
 (import "m" "e" (func $fimport$1 (param i32 i64 i32) (result i32)))
 (import "m" "p" (func $fimport$2 (param i64) (result i32)))
 (export "aa" (func $0))
 (export "ab" (func $1))
 (func $0 (param $0 i32) (param $1 i64) (param $2 i32) (result i32)
  (local $3 i32)
  (local $4 i32)
  (local $5 i32)
  (local $6 i32)
  (local $7 i64)
  (local $8 i64)
  (local $9 i64)
  (local $10 i64)
  (local $11 i64)
  (local $12 i64)
  (local $13 i64)
  (local $14 i64)
  (local $15 i64)
  (local $16 f64)
  (local $17 f64)
  (local $18 f64)
  (local $19 f64)
  (local $20 f64)
  (local $21 f64)
  (local $22 f64)
  (local $23 f64)
  (local $24 f64)
  (local $25 i32)
  (local $26 i32)
  (local $27 i32)
  (local $28 i32)
  (local $29 i32)
  (local $30 i32)
  (local $scratch i32)
  (local $scratch_32 i32)
  (block $block1
   (block $block
    (local.set $8
     (i64.load offset=1536
      (i32.const 0)
     )
    )
    (local.set $6
     (i32.load offset=1552
      (i32.const 0)
     )
    )
    (local.set $14
     (i64.load offset=4104
      (i32.const 0)
     )
    )
    (local.set $15
     (i64.load offset=4160
      (i32.const 0)
     )
    )
    (loop $label
     (br_if $block
      (block (result i32)
       (local.set $scratch
        (i32.le_s
         (local.get $0)
         (i32.const 0)
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch)
      )
     )
     (local.set $14
      (i64.add
       (local.get $1)
       (i64.const 4)
      )
     )
     (local.set $0
      (i32.sub
       (local.get $0)
       (i32.const 8)
      )
     )
     (if
      (i32.eqz
       (local.get $2)
      )
      (then
       (local.set $9
        (i64.add
         (local.get $1)
         (i64.const 12)
        )
       )
       (br $block1)
      )
     )
     (i64.store offset=4104
      (i32.const 0)
      (local.get $14)
     )
     (i64.store offset=4160
      (i32.const 0)
      (local.get $15)
     )
     (if
      (i32.or
       (i32.and
        (local.tee $0
         (call $1
          (local.get $0)
          (local.get $1)
          (i32.sub
           (local.get $2)
           (i32.const 1)
          )
         )
        )
        (i32.const 3)
       )
       (i64.ne
        (i64.load offset=4608
         (i32.const 0)
        )
        (i64.add
         (local.get $1)
         (i64.const 4)
        )
       )
      )
      (then
       (return
        (i32.and
         (local.get $0)
         (i32.const -3)
        )
       )
      )
     )
     (local.set $14
      (i64.load offset=4104
       (i32.const 0)
      )
     )
     (local.set $15
      (i64.load offset=4160
       (i32.const 0)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_32
        (i32.le_s
         (local.get $0)
         (i32.const 0)
        )
       )
       (local.set $3
        (i32.const 131072)
       )
       (local.get $scratch_32)
      )
     )
     (local.set $15
      (i64.add
       (local.get $15)
       (i64.const 1)
      )
     )
     (local.set $0
      (i32.sub
       (local.get $0)
       (i32.const 16)
      )
     )
     (br $label)
    )
    (unreachable)
   )
   (local.set $9
    (i64.add
     (i64.shl
      (i64.extend_i32_s
       (i32.shr_s
        (local.get $3)
        (i32.const 16)
       )
      )
      (i64.const 1)
     )
     (local.get $1)
    )
   )
   (local.set $0
    (i32.add
     (i32.or
      (i32.shr_s
       (i32.shl
        (local.get $3)
        (i32.const 16)
       )
       (i32.const 13)
      )
      (i32.const 1)
     )
     (local.get $0)
    )
   )
  )
  (i64.store offset=4104
   (i32.const 0)
   (local.get $14)
  )
  (i64.store offset=4160
   (i32.const 0)
   (local.get $15)
  )
  (i64.store offset=4608
   (i32.const 0)
   (local.get $9)
  )
  (local.get $0)
 )
 (func $1 (param $0 i32) (param $1 i64) (param $2 i32) (result i32)
  (local $3 i32)
  (local $4 i32)
  (local $5 i32)
  (local $6 i32)
  (local $7 i64)
  (local $8 i64)
  (local $9 i64)
  (local $10 i64)
  (local $11 i64)
  (local $12 i64)
  (local $13 i64)
  (local $14 i64)
  (local $15 i64)
  (local $16 f64)
  (local $17 f64)
  (local $18 f64)
  (local $19 f64)
  (local $20 f64)
  (local $21 f64)
  (local $22 f64)
  (local $23 f64)
  (local $24 f64)
  (local $25 i32)
  (local $26 i32)
  (local $27 i32)
  (local $28 i32)
  (local $29 i32)
  (local $30 i32)
  (local $scratch i32)
  (block $block1
   (block $block
    (local.set $8
     (i64.load offset=1536
      (i32.const 0)
     )
    )
    (local.set $6
     (i32.load offset=1552
      (i32.const 0)
     )
    )
    (local.set $14
     (i64.load offset=4104
      (i32.const 0)
     )
    )
    (local.set $15
     (i64.load offset=4168
      (i32.const 0)
     )
    )
    (br_if $block
     (block (result i32)
      (local.set $scratch
       (i32.le_s
        (local.get $0)
        (i32.const 0)
       )
      )
      (local.set $3
       (i32.const 393216)
      )
      (local.get $scratch)
     )
    )
    (local.set $15
     (i64.add
      (local.get $15)
      (i64.const 2)
     )
    )
    (local.set $9
     (i64.and
      (local.get $14)
      (i64.const -2)
     )
    )
    (local.set $0
     (i32.sub
      (local.get $0)
      (i32.const 16)
     )
    )
    (local.set $9
     (local.get $9)
    )
    (br $block1)
   )
   (local.set $9
    (i64.add
     (i64.shl
      (i64.extend_i32_s
       (i32.shr_s
        (local.get $3)
        (i32.const 16)
       )
      )
      (i64.const 1)
     )
     (local.get $1)
    )
   )
   (local.set $0
    (i32.add
     (i32.or
      (i32.shr_s
       (i32.shl
        (local.get $3)
        (i32.const 16)
       )
       (i32.const 13)
      )
      (i32.const 1)
     )
     (local.get $0)
    )
   )
  )
  (i64.store offset=4168
   (i32.const 0)
   (local.get $15)
  )
  (i64.store offset=4608
   (i32.const 0)
   (local.get $9)
  )
  (local.get $0)
 )
)

(module
 (type $0 (func (param i32 i64 i32) (result i32)))
 (type $1 (func (param i64 i32 i32) (result i32)))
 (type $2 (func (param i64) (result i32)))
 (import "m" "m" (memory $mimport$0 1))
 (import "m" "r" (func $fimport$0 (param i64 i32 i32) (result i32)))
 (import "m" "e" (func $fimport$1 (param i32 i64 i32) (result i32)))
 (import "m" "p" (func $fimport$2 (param i64) (result i32)))
 (export "aa" (func $0))
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
  (local $25 f64)
  (local $26 f64)
  (local $27 f64)
  (local $28 f64)
  (local $29 f32)
  (local $30 f32)
  (local $31 f32)
  (local $32 f32)
  (local $scratch i32)
  (local $scratch_34 i32)
  (local $scratch_35 i32)
  (local $scratch_36 i32)
  (local $scratch_37 i32)
  (local $scratch_38 i32)
  (local $scratch_39 i32)
  (local $scratch_40 i32)
  (local $scratch_41 i32)
  (local $scratch_42 i32)
  (local $scratch_43 i32)
  (local $scratch_44 i32)
  (local $scratch_45 i32)
  (local $scratch_46 i32)
  (local $scratch_47 i32)
  (local $scratch_48 i32)
  (local $scratch_49 i32)
  (block
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
     (i64.load offset=4136
      (i32.const 0)
     )
    )
    (local.set $15
     (i64.load offset=4176
      (i32.const 0)
     )
    )
    (local.set $16
     (f64.load offset=4432
      (i32.const 0)
     )
    )
    (local.set $17
     (f64.load offset=4440
      (i32.const 0)
     )
    )
    (local.set $18
     (f64.load offset=4448
      (i32.const 0)
     )
    )
    (local.set $19
     (f64.load offset=4456
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
     (br_if $block
      (block (result i32)
       (local.set $scratch_34
        (i32.ne
         (i32.and
          (local.get $6)
          (i32.const 3)
         )
         (i32.const 3)
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch_34)
      )
     )
     (local.set $0
      (i32.sub
       (local.get $0)
       (i32.const 48)
      )
     )
     (local.set $7
      (i64.add
       (local.get $15)
       (i64.const 0)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_35
        (i64.ne
         (i64.load offset=16384
          (local.tee $4
           (i32.and
            (i32.shr_u
             (i32.wrap_i64
              (local.get $7)
             )
             (i32.const 8)
            )
            (i32.const 16368)
           )
          )
         )
         (i64.or
          (i64.and
           (local.get $7)
           (i64.const -4095)
          )
          (local.get $8)
         )
        )
       )
       (local.set $3
        (i32.const 6)
       )
       (local.get $scratch_35)
      )
     )
     (local.set $17
      (f64.reinterpret_i64
       (i64.or
        (i64.extend_i32_u
         (i32.load16_u
          (i32.add
           (i32.load offset=16392
            (local.get $4)
           )
           (i32.wrap_i64
            (local.get $7)
           )
          )
         )
        )
        (i64.const -65536)
       )
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_36
        (i64.lt_u
         (local.tee $10
          (i64.reinterpret_f64
           (local.get $17)
          )
         )
         (i64.const -65536)
        )
       )
       (local.set $3
        (i32.const 131077)
       )
       (local.get $scratch_36)
      )
     )
     (local.set $5
      (i32.and
       (i32.wrap_i64
        (local.get $10)
       )
       (i32.const 65535)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_37
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31743)
        )
       )
       (local.set $3
        (i32.const 131077)
       )
       (local.get $scratch_37)
      )
     )
     (local.set $29
      (f32.mul
       (f32.reinterpret_i32
        (i32.or
         (i32.shl
          (i32.and
           (local.get $5)
           (i32.const 32768)
          )
          (i32.const 16)
         )
         (i32.shl
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 13)
         )
        )
       )
       (f32.const 5192296858534827628530496e9)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_38
        (i64.lt_u
         (local.tee $10
          (i64.reinterpret_f64
           (local.get $16)
          )
         )
         (i64.const -65536)
        )
       )
       (local.set $3
        (i32.const 131077)
       )
       (local.get $scratch_38)
      )
     )
     (local.set $5
      (i32.and
       (i32.wrap_i64
        (local.get $10)
       )
       (i32.const 65535)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_39
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31743)
        )
       )
       (local.set $3
        (i32.const 131077)
       )
       (local.get $scratch_39)
      )
     )
     (local.set $30
      (f32.mul
       (f32.reinterpret_i32
        (i32.or
         (i32.shl
          (i32.and
           (local.get $5)
           (i32.const 32768)
          )
          (i32.const 16)
         )
         (i32.shl
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 13)
         )
        )
       )
       (f32.const 5192296858534827628530496e9)
      )
     )
     (local.set $10
      (i64.shl
       (i64.extend_i32_u
        (i32.reinterpret_f32
         (f32.mul
          (local.get $29)
          (local.get $30)
         )
        )
       )
       (i64.const 32)
      )
     )
     (local.set $5
      (i32.const 0)
     )
     (if
      (i32.eqz
       (i64.eqz
        (i64.and
         (local.get $10)
         (i64.const 9223372036854775807)
        )
       )
      )
      (then
       (br_if $block
        (block (result i32)
         (local.set $scratch_40
          (i32.ge_u
           (i32.sub
            (local.tee $5
             (i32.sub
              (i32.wrap_i64
               (i64.shr_u
                (i64.add
                 (i64.add
                  (i64.and
                   (local.get $10)
                   (i64.const 9223372036854775807)
                  )
                  (i64.and
                   (i64.shr_u
                    (local.get $10)
                    (i64.const 45)
                   )
                   (i64.const 1)
                  )
                 )
                 (i64.const 17592186044415)
                )
                (i64.const 45)
               )
              )
              (i32.const 114688)
             )
            )
            (i32.const 2048)
           )
           (i32.const 29696)
          )
         )
         (local.set $3
          (i32.const 131077)
         )
         (local.get $scratch_40)
        )
       )
      )
     )
     (local.set $18
      (f64.reinterpret_i64
       (i64.or
        (i64.extend_i32_u
         (i32.or
          (i32.and
           (i32.wrap_i64
            (i64.shr_u
             (local.get $10)
             (i64.const 48)
            )
           )
           (i32.const 32768)
          )
          (local.get $5)
         )
        )
        (i64.const -65536)
       )
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_41
        (i64.lt_u
         (local.tee $10
          (i64.reinterpret_f64
           (local.get $17)
          )
         )
         (i64.const -65536)
        )
       )
       (local.set $3
        (i32.const 262148)
       )
       (local.get $scratch_41)
      )
     )
     (local.set $5
      (i32.and
       (i32.wrap_i64
        (local.get $10)
       )
       (i32.const 65535)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_42
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31744)
        )
       )
       (local.set $3
        (i32.const 262148)
       )
       (local.get $scratch_42)
      )
     )
     (local.set $29
      (f32.mul
       (f32.reinterpret_i32
        (i32.or
         (i32.shl
          (i32.and
           (local.get $5)
           (i32.const 32768)
          )
          (i32.const 16)
         )
         (i32.shl
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 13)
         )
        )
       )
       (f32.const 5192296858534827628530496e9)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_43
        (i64.lt_u
         (local.tee $10
          (i64.reinterpret_f64
           (local.get $18)
          )
         )
         (i64.const -65536)
        )
       )
       (local.set $3
        (i32.const 262148)
       )
       (local.get $scratch_43)
      )
     )
     (local.set $5
      (i32.and
       (i32.wrap_i64
        (local.get $10)
       )
       (i32.const 65535)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_44
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31744)
        )
       )
       (local.set $3
        (i32.const 262148)
       )
       (local.get $scratch_44)
      )
     )
     (local.set $30
      (f32.mul
       (f32.reinterpret_i32
        (i32.or
         (i32.shl
          (i32.and
           (local.get $5)
           (i32.const 32768)
          )
          (i32.const 16)
         )
         (i32.shl
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 13)
         )
        )
       )
       (f32.const 5192296858534827628530496e9)
      )
     )
     (local.set $14
      (i64.extend_i32_u
       (f32.lt
        (local.get $29)
        (local.get $30)
       )
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_45
        (i64.lt_u
         (local.tee $10
          (i64.reinterpret_f64
           (local.get $17)
          )
         )
         (i64.const -65536)
        )
       )
       (local.set $3
        (i32.const 393219)
       )
       (local.get $scratch_45)
      )
     )
     (local.set $5
      (i32.and
       (i32.wrap_i64
        (local.get $10)
       )
       (i32.const 65535)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_46
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31744)
        )
       )
       (local.set $3
        (i32.const 393219)
       )
       (local.get $scratch_46)
      )
     )
     (local.set $4
      (i32.xor
       (local.tee $5
        (i32.extend16_s
         (local.get $5)
        )
       )
       (i32.and
        (i32.shr_s
         (local.get $5)
         (i32.const 31)
        )
        (i32.const 32767)
       )
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_47
        (i64.lt_u
         (local.tee $10
          (i64.reinterpret_f64
           (local.get $18)
          )
         )
         (i64.const -65536)
        )
       )
       (local.set $3
        (i32.const 393219)
       )
       (local.get $scratch_47)
      )
     )
     (local.set $5
      (i32.and
       (i32.wrap_i64
        (local.get $10)
       )
       (i32.const 65535)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_48
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31744)
        )
       )
       (local.set $3
        (i32.const 393219)
       )
       (local.get $scratch_48)
      )
     )
     (local.set $5
      (i32.xor
       (local.tee $5
        (i32.extend16_s
         (local.get $5)
        )
       )
       (i32.and
        (i32.shr_s
         (local.get $5)
         (i32.const 31)
        )
        (i32.const 32767)
       )
      )
     )
     (local.set $19
      (f64.reinterpret_i64
       (i64.or
        (i64.extend_i32_u
         (i32.and
          (i32.xor
           (local.tee $5
            (select
             (local.get $4)
             (local.get $5)
             (i32.lt_s
              (local.get $4)
              (local.get $5)
             )
            )
           )
           (i32.and
            (i32.shr_s
             (local.get $5)
             (i32.const 31)
            )
            (i32.const 32767)
           )
          )
          (i32.const 65535)
         )
        )
        (i64.const -65536)
       )
      )
     )
     (local.set $7
      (i64.add
       (local.get $15)
       (i64.const 2)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_49
        (i64.ne
         (i64.load offset=32768
          (local.tee $4
           (i32.and
            (i32.shr_u
             (i32.wrap_i64
              (local.get $7)
             )
             (i32.const 8)
            )
            (i32.const 16368)
           )
          )
         )
         (i64.or
          (i64.and
           (local.get $7)
           (i64.const -4095)
          )
          (local.get $8)
         )
        )
       )
       (local.set $3
        (i32.const 524290)
       )
       (local.get $scratch_49)
      )
     )
     (i64.store16
      (i32.add
       (i32.load offset=32776
        (local.get $4)
       )
       (i32.wrap_i64
        (local.get $7)
       )
      )
      (i64.reinterpret_f64
       (local.get $19)
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
      (i32.shl
       (i32.and
        (local.get $3)
        (i32.const 65535)
       )
       (i32.const 3)
      )
      (i32.const 1)
     )
     (local.get $0)
    )
   )
  )
  (i64.store offset=4136
   (i32.const 0)
   (local.get $14)
  )
  (f64.store offset=4440
   (i32.const 0)
   (local.get $17)
  )
  (f64.store offset=4448
   (i32.const 0)
   (local.get $18)
  )
  (f64.store offset=4456
   (i32.const 0)
   (local.get $19)
  )
  (i64.store offset=4608
   (i32.const 0)
   (local.get $9)
  )
  (local.get $0)
 )
)

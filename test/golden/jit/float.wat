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
  (local $28 f32)
  (local $29 f32)
  (local $30 f32)
  (local $31 f32)
  (local $32 i32)
  (local $33 i32)
  (local $34 i32)
  (local $35 i32)
  (local $36 i32)
  (local $37 i32)
  (local $scratch i32)
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
  (local $scratch_50 i32)
  (local $scratch_51 i32)
  (local $scratch_52 i32)
  (local $scratch_53 i32)
  (local $scratch_54 i32)
  (local $scratch_55 i32)
  (local $scratch_56 i32)
  (local $scratch_57 i32)
  (local $scratch_58 i32)
  (local $scratch_59 i32)
  (local $scratch_60 i32)
  (local $scratch_61 i32)
  (local $scratch_62 i32)
  (local $scratch_63 i32)
  (local $scratch_64 i32)
  (local $scratch_65 i32)
  (local $scratch_66 i32)
  (block
   (block $block1
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
     (i64.load offset=4160
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
    (loop $label
     (block $block
      (br_if $block
       (i32.le_s
        (local.get $0)
        (i32.const 0)
       )
      )
      (block $block2
       (br_if $block1
        (block (result i32)
         (local.set $scratch
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
         (local.get $scratch)
        )
       )
       (local.set $17
        (f64.convert_i32_s
         (i32.wrap_i64
          (local.get $15)
         )
        )
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.add
         (local.get $19)
         (local.get $20)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_39
          (i64.eq
           (i64.and
            (i64.reinterpret_f64
             (local.get $22)
            )
            (i64.const 9218868437227405312)
           )
           (i64.const 9218868437227405312)
          )
         )
         (local.set $3
          (i32.const 196607)
         )
         (local.get $scratch_39)
        )
       )
       (local.set $16
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.mul
         (local.get $19)
         (local.get $20)
        )
       )
       (if
        (i64.ge_u
         (i64.sub
          (i64.shl
           (i64.reinterpret_f64
            (local.get $22)
           )
           (i64.const 1)
          )
          (i64.const 18014398509481984)
         )
         (i64.const -27021597764222976)
        )
        (then
         (br_if $block1
          (block (result i32)
           (local.set $scratch_40
            (i32.or
             (f64.ne
              (local.get $22)
              (f64.const 0)
             )
             (i32.and
              (f64.ne
               (local.get $19)
               (f64.const 0)
              )
              (f64.ne
               (local.get $20)
               (f64.const 0)
              )
             )
            )
           )
           (local.set $3
            (i32.const 327678)
           )
           (local.get $scratch_40)
          )
         )
        )
       )
       (local.set $18
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_41
          (i32.or
           (f64.ne
            (local.get $19)
            (local.get $19)
           )
           (f64.ne
            (local.get $20)
            (local.get $20)
           )
          )
         )
         (local.set $3
          (i32.const 458749)
         )
         (local.get $scratch_41)
        )
       )
       (local.set $14
        (i64.extend_i32_u
         (f64.lt
          (local.get $19)
          (local.get $20)
         )
        )
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (br $block2)
      )
      (block $block3
       (br_if $block1
        (block (result i32)
         (local.set $scratch_42
          (i32.ne
           (i32.and
            (local.get $6)
            (i32.const 3)
           )
           (i32.const 3)
          )
         )
         (local.set $3
          (i32.const 65530)
         )
         (local.get $scratch_42)
        )
       )
       (local.set $17
        (f64.convert_i32_s
         (i32.wrap_i64
          (local.get $15)
         )
        )
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.add
         (local.get $19)
         (local.get $20)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_43
          (i64.eq
           (i64.and
            (i64.reinterpret_f64
             (local.get $22)
            )
            (i64.const 9218868437227405312)
           )
           (i64.const 9218868437227405312)
          )
         )
         (local.set $3
          (i32.const 196601)
         )
         (local.get $scratch_43)
        )
       )
       (local.set $16
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.mul
         (local.get $19)
         (local.get $20)
        )
       )
       (if
        (i64.ge_u
         (i64.sub
          (i64.shl
           (i64.reinterpret_f64
            (local.get $22)
           )
           (i64.const 1)
          )
          (i64.const 18014398509481984)
         )
         (i64.const -27021597764222976)
        )
        (then
         (br_if $block1
          (block (result i32)
           (local.set $scratch_44
            (i32.or
             (f64.ne
              (local.get $22)
              (f64.const 0)
             )
             (i32.and
              (f64.ne
               (local.get $19)
               (f64.const 0)
              )
              (f64.ne
               (local.get $20)
               (f64.const 0)
              )
             )
            )
           )
           (local.set $3
            (i32.const 327672)
           )
           (local.get $scratch_44)
          )
         )
        )
       )
       (local.set $18
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_45
          (i32.or
           (f64.ne
            (local.get $19)
            (local.get $19)
           )
           (f64.ne
            (local.get $20)
            (local.get $20)
           )
          )
         )
         (local.set $3
          (i32.const 458743)
         )
         (local.get $scratch_45)
        )
       )
       (local.set $14
        (i64.extend_i32_u
         (f64.lt
          (local.get $19)
          (local.get $20)
         )
        )
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (br $block3)
      )
      (block $block4
       (br_if $block1
        (block (result i32)
         (local.set $scratch_46
          (i32.ne
           (i32.and
            (local.get $6)
            (i32.const 3)
           )
           (i32.const 3)
          )
         )
         (local.set $3
          (i32.const 65524)
         )
         (local.get $scratch_46)
        )
       )
       (local.set $17
        (f64.convert_i32_s
         (i32.wrap_i64
          (local.get $15)
         )
        )
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.add
         (local.get $19)
         (local.get $20)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_47
          (i64.eq
           (i64.and
            (i64.reinterpret_f64
             (local.get $22)
            )
            (i64.const 9218868437227405312)
           )
           (i64.const 9218868437227405312)
          )
         )
         (local.set $3
          (i32.const 196595)
         )
         (local.get $scratch_47)
        )
       )
       (local.set $16
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.mul
         (local.get $19)
         (local.get $20)
        )
       )
       (if
        (i64.ge_u
         (i64.sub
          (i64.shl
           (i64.reinterpret_f64
            (local.get $22)
           )
           (i64.const 1)
          )
          (i64.const 18014398509481984)
         )
         (i64.const -27021597764222976)
        )
        (then
         (br_if $block1
          (block (result i32)
           (local.set $scratch_48
            (i32.or
             (f64.ne
              (local.get $22)
              (f64.const 0)
             )
             (i32.and
              (f64.ne
               (local.get $19)
               (f64.const 0)
              )
              (f64.ne
               (local.get $20)
               (f64.const 0)
              )
             )
            )
           )
           (local.set $3
            (i32.const 327666)
           )
           (local.get $scratch_48)
          )
         )
        )
       )
       (local.set $18
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_49
          (i32.or
           (f64.ne
            (local.get $19)
            (local.get $19)
           )
           (f64.ne
            (local.get $20)
            (local.get $20)
           )
          )
         )
         (local.set $3
          (i32.const 458737)
         )
         (local.get $scratch_49)
        )
       )
       (local.set $14
        (i64.extend_i32_u
         (f64.lt
          (local.get $19)
          (local.get $20)
         )
        )
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (br $block4)
      )
      (block $block5
       (br_if $block1
        (block (result i32)
         (local.set $scratch_50
          (i32.ne
           (i32.and
            (local.get $6)
            (i32.const 3)
           )
           (i32.const 3)
          )
         )
         (local.set $3
          (i32.const 65518)
         )
         (local.get $scratch_50)
        )
       )
       (local.set $17
        (f64.convert_i32_s
         (i32.wrap_i64
          (local.get $15)
         )
        )
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.add
         (local.get $19)
         (local.get $20)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_51
          (i64.eq
           (i64.and
            (i64.reinterpret_f64
             (local.get $22)
            )
            (i64.const 9218868437227405312)
           )
           (i64.const 9218868437227405312)
          )
         )
         (local.set $3
          (i32.const 196589)
         )
         (local.get $scratch_51)
        )
       )
       (local.set $16
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.mul
         (local.get $19)
         (local.get $20)
        )
       )
       (if
        (i64.ge_u
         (i64.sub
          (i64.shl
           (i64.reinterpret_f64
            (local.get $22)
           )
           (i64.const 1)
          )
          (i64.const 18014398509481984)
         )
         (i64.const -27021597764222976)
        )
        (then
         (br_if $block1
          (block (result i32)
           (local.set $scratch_52
            (i32.or
             (f64.ne
              (local.get $22)
              (f64.const 0)
             )
             (i32.and
              (f64.ne
               (local.get $19)
               (f64.const 0)
              )
              (f64.ne
               (local.get $20)
               (f64.const 0)
              )
             )
            )
           )
           (local.set $3
            (i32.const 327660)
           )
           (local.get $scratch_52)
          )
         )
        )
       )
       (local.set $18
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_53
          (i32.or
           (f64.ne
            (local.get $19)
            (local.get $19)
           )
           (f64.ne
            (local.get $20)
            (local.get $20)
           )
          )
         )
         (local.set $3
          (i32.const 458731)
         )
         (local.get $scratch_53)
        )
       )
       (local.set $14
        (i64.extend_i32_u
         (f64.lt
          (local.get $19)
          (local.get $20)
         )
        )
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (br $block5)
      )
      (block $block6
       (br_if $block1
        (block (result i32)
         (local.set $scratch_54
          (i32.ne
           (i32.and
            (local.get $6)
            (i32.const 3)
           )
           (i32.const 3)
          )
         )
         (local.set $3
          (i32.const 65512)
         )
         (local.get $scratch_54)
        )
       )
       (local.set $17
        (f64.convert_i32_s
         (i32.wrap_i64
          (local.get $15)
         )
        )
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.add
         (local.get $19)
         (local.get $20)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_55
          (i64.eq
           (i64.and
            (i64.reinterpret_f64
             (local.get $22)
            )
            (i64.const 9218868437227405312)
           )
           (i64.const 9218868437227405312)
          )
         )
         (local.set $3
          (i32.const 196583)
         )
         (local.get $scratch_55)
        )
       )
       (local.set $16
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $17)
       )
       (local.set $22
        (f64.mul
         (local.get $19)
         (local.get $20)
        )
       )
       (if
        (i64.ge_u
         (i64.sub
          (i64.shl
           (i64.reinterpret_f64
            (local.get $22)
           )
           (i64.const 1)
          )
          (i64.const 18014398509481984)
         )
         (i64.const -27021597764222976)
        )
        (then
         (br_if $block1
          (block (result i32)
           (local.set $scratch_56
            (i32.or
             (f64.ne
              (local.get $22)
              (f64.const 0)
             )
             (i32.and
              (f64.ne
               (local.get $19)
               (f64.const 0)
              )
              (f64.ne
               (local.get $20)
               (f64.const 0)
              )
             )
            )
           )
           (local.set $3
            (i32.const 327654)
           )
           (local.get $scratch_56)
          )
         )
        )
       )
       (local.set $18
        (local.get $22)
       )
       (local.set $19
        (local.get $16)
       )
       (local.set $20
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_57
          (i32.or
           (f64.ne
            (local.get $19)
            (local.get $19)
           )
           (f64.ne
            (local.get $20)
            (local.get $20)
           )
          )
         )
         (local.set $3
          (i32.const 458725)
         )
         (local.get $scratch_57)
        )
       )
       (local.set $14
        (i64.extend_i32_u
         (f64.lt
          (local.get $19)
          (local.get $20)
         )
        )
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (br $block6)
      )
      (br_if $block1
       (block (result i32)
        (local.set $scratch_58
         (i32.ne
          (i32.and
           (local.get $6)
           (i32.const 3)
          )
          (i32.const 3)
         )
        )
        (local.set $3
         (i32.const 65506)
        )
        (local.get $scratch_58)
       )
      )
      (local.set $17
       (f64.convert_i32_s
        (i32.wrap_i64
         (local.get $15)
        )
       )
      )
      (local.set $19
       (local.get $16)
      )
      (local.set $20
       (local.get $17)
      )
      (local.set $22
       (f64.add
        (local.get $19)
        (local.get $20)
       )
      )
      (br_if $block1
       (block (result i32)
        (local.set $scratch_59
         (i64.eq
          (i64.and
           (i64.reinterpret_f64
            (local.get $22)
           )
           (i64.const 9218868437227405312)
          )
          (i64.const 9218868437227405312)
         )
        )
        (local.set $3
         (i32.const 196577)
        )
        (local.get $scratch_59)
       )
      )
      (local.set $16
       (local.get $22)
      )
      (local.set $19
       (local.get $16)
      )
      (local.set $20
       (local.get $17)
      )
      (local.set $22
       (f64.mul
        (local.get $19)
        (local.get $20)
       )
      )
      (if
       (i64.ge_u
        (i64.sub
         (i64.shl
          (i64.reinterpret_f64
           (local.get $22)
          )
          (i64.const 1)
         )
         (i64.const 18014398509481984)
        )
        (i64.const -27021597764222976)
       )
       (then
        (br_if $block1
         (block (result i32)
          (local.set $scratch_60
           (i32.or
            (f64.ne
             (local.get $22)
             (f64.const 0)
            )
            (i32.and
             (f64.ne
              (local.get $19)
              (f64.const 0)
             )
             (f64.ne
              (local.get $20)
              (f64.const 0)
             )
            )
           )
          )
          (local.set $3
           (i32.const 327648)
          )
          (local.get $scratch_60)
         )
        )
       )
      )
      (local.set $18
       (local.get $22)
      )
      (local.set $19
       (local.get $16)
      )
      (local.set $20
       (local.get $18)
      )
      (br_if $block1
       (block (result i32)
        (local.set $scratch_61
         (i32.or
          (f64.ne
           (local.get $19)
           (local.get $19)
          )
          (f64.ne
           (local.get $20)
           (local.get $20)
          )
         )
        )
        (local.set $3
         (i32.const 458719)
        )
        (local.get $scratch_61)
       )
      )
      (local.set $14
       (i64.extend_i32_u
        (f64.lt
         (local.get $19)
         (local.get $20)
        )
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
        (i32.const 288)
       )
      )
      (br $label)
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_62
        (i32.le_s
         (local.get $0)
         (i32.const 0)
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch_62)
      )
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_63
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
       (local.get $scratch_63)
      )
     )
     (local.set $17
      (f64.convert_i32_s
       (i32.wrap_i64
        (local.get $15)
       )
      )
     )
     (local.set $19
      (local.get $16)
     )
     (local.set $20
      (local.get $17)
     )
     (local.set $22
      (f64.add
       (local.get $19)
       (local.get $20)
      )
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_64
        (i64.eq
         (i64.and
          (i64.reinterpret_f64
           (local.get $22)
          )
          (i64.const 9218868437227405312)
         )
         (i64.const 9218868437227405312)
        )
       )
       (local.set $3
        (i32.const 196607)
       )
       (local.get $scratch_64)
      )
     )
     (local.set $16
      (local.get $22)
     )
     (local.set $19
      (local.get $16)
     )
     (local.set $20
      (local.get $17)
     )
     (local.set $22
      (f64.mul
       (local.get $19)
       (local.get $20)
      )
     )
     (if
      (i64.ge_u
       (i64.sub
        (i64.shl
         (i64.reinterpret_f64
          (local.get $22)
         )
         (i64.const 1)
        )
        (i64.const 18014398509481984)
       )
       (i64.const -27021597764222976)
      )
      (then
       (br_if $block1
        (block (result i32)
         (local.set $scratch_65
          (i32.or
           (f64.ne
            (local.get $22)
            (f64.const 0)
           )
           (i32.and
            (f64.ne
             (local.get $19)
             (f64.const 0)
            )
            (f64.ne
             (local.get $20)
             (f64.const 0)
            )
           )
          )
         )
         (local.set $3
          (i32.const 327678)
         )
         (local.get $scratch_65)
        )
       )
      )
     )
     (local.set $18
      (local.get $22)
     )
     (local.set $19
      (local.get $16)
     )
     (local.set $20
      (local.get $18)
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_66
        (i32.or
         (f64.ne
          (local.get $19)
          (local.get $19)
         )
         (f64.ne
          (local.get $20)
          (local.get $20)
         )
        )
       )
       (local.set $3
        (i32.const 458749)
       )
       (local.get $scratch_66)
      )
     )
     (local.set $14
      (i64.extend_i32_u
       (f64.lt
        (local.get $19)
        (local.get $20)
       )
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
       (i32.const 48)
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
  (i64.store offset=4136
   (i32.const 0)
   (local.get $14)
  )
  (i64.store offset=4160
   (i32.const 0)
   (local.get $15)
  )
  (f64.store offset=4432
   (i32.const 0)
   (local.get $16)
  )
  (f64.store offset=4440
   (i32.const 0)
   (local.get $17)
  )
  (f64.store offset=4448
   (i32.const 0)
   (local.get $18)
  )
  (i64.store offset=4608
   (i32.const 0)
   (local.get $9)
  )
  (local.get $0)
 )
)

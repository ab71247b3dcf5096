(module
 (type $0 (func (param i32 i64 i32) (result i32)))
 (type $1 (func (param i64 i32 i32) (result i32)))
 (type $2 (func (param i64) (result i32)))
 (import "m" "m" (memory $mimport$0 1))
 (import "m" "r" (func $fimport$0 (param i64 i32 i32) (result i32)))
 (import "m" "e" (func $fimport$1 (param i32 i64 i32) (result i32)))
 (import "m" "p" (func $fimport$2 (param i64) (result i32)))
 (import "m" "b" (func $fimport$3 (param i32 i64 i32) (result i32)))
 (import "m" "c" (func $fimport$4 (param i64 i32 i32) (result i32)))
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
  (local $33 i32)
  (local $34 i32)
  (local $35 i32)
  (local $36 i32)
  (local $37 i32)
  (local $38 i32)
  (local $scratch i32)
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
  (local $scratch_67 i32)
  (local $scratch_68 i32)
  (local $scratch_69 i32)
  (local $scratch_70 i32)
  (local $scratch_71 i32)
  (local $scratch_72 i32)
  (local $scratch_73 i32)
  (local $scratch_74 i32)
  (local $scratch_75 i32)
  (local $scratch_76 i32)
  (local $scratch_77 i32)
  (local $scratch_78 i32)
  (local $scratch_79 i32)
  (local $scratch_80 i32)
  (local $scratch_81 i32)
  (local $scratch_82 i32)
  (local $scratch_83 i32)
  (local $scratch_84 i32)
  (local $scratch_85 i32)
  (local $scratch_86 i32)
  (local $scratch_87 i32)
  (local $scratch_88 i32)
  (local $scratch_89 i32)
  (local $scratch_90 i32)
  (local $scratch_91 i32)
  (local $scratch_92 i32)
  (local $scratch_93 i32)
  (local $scratch_94 i32)
  (local $scratch_95 i32)
  (local $scratch_96 i32)
  (local $scratch_97 i32)
  (local $scratch_98 i32)
  (local $scratch_99 i32)
  (local $scratch_100 i32)
  (local $scratch_101 i32)
  (local $scratch_102 i32)
  (local $scratch_103 i32)
  (local $scratch_104 i32)
  (local $scratch_105 i32)
  (local $scratch_106 i32)
  (local $scratch_107 i32)
  (local $scratch_108 i32)
  (local $scratch_109 i32)
  (local $scratch_110 i32)
  (local $scratch_111 i32)
  (local $scratch_112 i32)
  (local $scratch_113 i32)
  (local $scratch_114 i32)
  (local $scratch_115 i32)
  (local $scratch_116 i32)
  (local $scratch_117 i32)
  (local $scratch_118 i32)
  (local $scratch_119 i32)
  (local $scratch_120 i32)
  (local $scratch_121 i32)
  (local $scratch_122 i32)
  (local $scratch_123 i32)
  (local $scratch_124 i32)
  (local $scratch_125 i32)
  (local $scratch_126 i32)
  (local $scratch_127 i32)
  (local $scratch_128 i32)
  (local $scratch_129 i32)
  (local $scratch_130 i32)
  (local $scratch_131 i32)
  (local $scratch_132 i32)
  (local $scratch_133 i32)
  (local $scratch_134 i32)
  (local $scratch_135 i32)
  (local $scratch_136 i32)
  (local $scratch_137 i32)
  (local $scratch_138 i32)
  (local $scratch_139 i32)
  (local $scratch_140 i32)
  (local $scratch_141 i32)
  (local $scratch_142 i32)
  (local $scratch_143 i32)
  (local $scratch_144 i32)
  (local $scratch_145 i32)
  (local $scratch_146 i32)
  (local $scratch_147 i32)
  (local $scratch_148 i32)
  (local $scratch_149 i32)
  (local $scratch_150 i32)
  (local $scratch_151 i32)
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
       (local.set $7
        (i64.add
         (local.get $15)
         (i64.const 0)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_40
          (i64.ne
           (i64.load offset=65536
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 0)
         )
         (local.get $scratch_40)
        )
       )
       (local.set $17
        (f64.reinterpret_i64
         (i64.or
          (i64.extend_i32_u
           (i32.load16_u
            (i32.add
             (i32.load offset=65544
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
       (br_if $block1
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
          (i32.const 196607)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_42
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196607)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_43
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
          (i32.const 196607)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_44
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196607)
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
         (br_if $block1
          (block (result i32)
           (local.set $scratch_45
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
            (i32.const 196607)
           )
           (local.get $scratch_45)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_46
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
          (i32.const 327678)
         )
         (local.get $scratch_46)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_47
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327678)
         )
         (local.get $scratch_47)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_48
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
          (i32.const 327678)
         )
         (local.get $scratch_48)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_49
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327678)
         )
         (local.get $scratch_49)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_50
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
          (i32.const 458749)
         )
         (local.get $scratch_50)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_51
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458749)
         )
         (local.get $scratch_51)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_52
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
          (i32.const 458749)
         )
         (local.get $scratch_52)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_53
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458749)
         )
         (local.get $scratch_53)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_54
          (i64.ne
           (i64.load offset=327680
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 589820)
         )
         (local.get $scratch_54)
        )
       )
       (i64.store16
        (i32.add
         (i32.load offset=327688
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
       (br $block2)
      )
      (block $block3
       (br_if $block1
        (block (result i32)
         (local.set $scratch_55
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
         (local.get $scratch_55)
        )
       )
       (local.set $7
        (i64.add
         (local.get $15)
         (i64.const 0)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_56
          (i64.ne
           (i64.load offset=65536
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 65530)
         )
         (local.get $scratch_56)
        )
       )
       (local.set $17
        (f64.reinterpret_i64
         (i64.or
          (i64.extend_i32_u
           (i32.load16_u
            (i32.add
             (i32.load offset=65544
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_57
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
          (i32.const 196601)
         )
         (local.get $scratch_57)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_58
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196601)
         )
         (local.get $scratch_58)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_59
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
          (i32.const 196601)
         )
         (local.get $scratch_59)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_60
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196601)
         )
         (local.get $scratch_60)
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
         (br_if $block1
          (block (result i32)
           (local.set $scratch_61
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
            (i32.const 196601)
           )
           (local.get $scratch_61)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_62
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
          (i32.const 327672)
         )
         (local.get $scratch_62)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_63
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327672)
         )
         (local.get $scratch_63)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_64
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
          (i32.const 327672)
         )
         (local.get $scratch_64)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_65
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327672)
         )
         (local.get $scratch_65)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_66
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
          (i32.const 458743)
         )
         (local.get $scratch_66)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_67
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458743)
         )
         (local.get $scratch_67)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_68
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
          (i32.const 458743)
         )
         (local.get $scratch_68)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_69
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458743)
         )
         (local.get $scratch_69)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_70
          (i64.ne
           (i64.load offset=327680
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 589814)
         )
         (local.get $scratch_70)
        )
       )
       (i64.store16
        (i32.add
         (i32.load offset=327688
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
       (br $block3)
      )
      (block $block4
       (br_if $block1
        (block (result i32)
         (local.set $scratch_71
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
         (local.get $scratch_71)
        )
       )
       (local.set $7
        (i64.add
         (local.get $15)
         (i64.const 0)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_72
          (i64.ne
           (i64.load offset=65536
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 65524)
         )
         (local.get $scratch_72)
        )
       )
       (local.set $17
        (f64.reinterpret_i64
         (i64.or
          (i64.extend_i32_u
           (i32.load16_u
            (i32.add
             (i32.load offset=65544
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_73
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
          (i32.const 196595)
         )
         (local.get $scratch_73)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_74
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196595)
         )
         (local.get $scratch_74)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_75
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
          (i32.const 196595)
         )
         (local.get $scratch_75)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_76
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196595)
         )
         (local.get $scratch_76)
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
         (br_if $block1
          (block (result i32)
           (local.set $scratch_77
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
            (i32.const 196595)
           )
           (local.get $scratch_77)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_78
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
          (i32.const 327666)
         )
         (local.get $scratch_78)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_79
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327666)
         )
         (local.get $scratch_79)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_80
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
          (i32.const 327666)
         )
         (local.get $scratch_80)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_81
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327666)
         )
         (local.get $scratch_81)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_82
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
          (i32.const 458737)
         )
         (local.get $scratch_82)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_83
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458737)
         )
         (local.get $scratch_83)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_84
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
          (i32.const 458737)
         )
         (local.get $scratch_84)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_85
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458737)
         )
         (local.get $scratch_85)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_86
          (i64.ne
           (i64.load offset=327680
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 589808)
         )
         (local.get $scratch_86)
        )
       )
       (i64.store16
        (i32.add
         (i32.load offset=327688
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
       (br $block4)
      )
      (block $block5
       (br_if $block1
        (block (result i32)
         (local.set $scratch_87
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
         (local.get $scratch_87)
        )
       )
       (local.set $7
        (i64.add
         (local.get $15)
         (i64.const 0)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_88
          (i64.ne
           (i64.load offset=65536
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 65518)
         )
         (local.get $scratch_88)
        )
       )
       (local.set $17
        (f64.reinterpret_i64
         (i64.or
          (i64.extend_i32_u
           (i32.load16_u
            (i32.add
             (i32.load offset=65544
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_89
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
          (i32.const 196589)
         )
         (local.get $scratch_89)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_90
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196589)
         )
         (local.get $scratch_90)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_91
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
          (i32.const 196589)
         )
         (local.get $scratch_91)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_92
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196589)
         )
         (local.get $scratch_92)
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
         (br_if $block1
          (block (result i32)
           (local.set $scratch_93
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
            (i32.const 196589)
           )
           (local.get $scratch_93)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_94
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
          (i32.const 327660)
         )
         (local.get $scratch_94)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_95
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327660)
         )
         (local.get $scratch_95)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_96
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
          (i32.const 327660)
         )
         (local.get $scratch_96)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_97
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327660)
         )
         (local.get $scratch_97)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_98
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
          (i32.const 458731)
         )
         (local.get $scratch_98)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_99
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458731)
         )
         (local.get $scratch_99)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_100
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
          (i32.const 458731)
         )
         (local.get $scratch_100)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_101
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458731)
         )
         (local.get $scratch_101)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_102
          (i64.ne
           (i64.load offset=327680
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 589802)
         )
         (local.get $scratch_102)
        )
       )
       (i64.store16
        (i32.add
         (i32.load offset=327688
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
       (br $block5)
      )
      (block $block6
       (br_if $block1
        (block (result i32)
         (local.set $scratch_103
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
         (local.get $scratch_103)
        )
       )
       (local.set $7
        (i64.add
         (local.get $15)
         (i64.const 0)
        )
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_104
          (i64.ne
           (i64.load offset=65536
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 65512)
         )
         (local.get $scratch_104)
        )
       )
       (local.set $17
        (f64.reinterpret_i64
         (i64.or
          (i64.extend_i32_u
           (i32.load16_u
            (i32.add
             (i32.load offset=65544
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_105
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
          (i32.const 196583)
         )
         (local.get $scratch_105)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_106
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196583)
         )
         (local.get $scratch_106)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_107
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
          (i32.const 196583)
         )
         (local.get $scratch_107)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_108
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31743)
          )
         )
         (local.set $3
          (i32.const 196583)
         )
         (local.get $scratch_108)
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
         (br_if $block1
          (block (result i32)
           (local.set $scratch_109
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
            (i32.const 196583)
           )
           (local.get $scratch_109)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_110
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
          (i32.const 327654)
         )
         (local.get $scratch_110)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_111
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327654)
         )
         (local.get $scratch_111)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_112
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
          (i32.const 327654)
         )
         (local.get $scratch_112)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_113
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 327654)
         )
         (local.get $scratch_113)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_114
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
          (i32.const 458725)
         )
         (local.get $scratch_114)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_115
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458725)
         )
         (local.get $scratch_115)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_116
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
          (i32.const 458725)
         )
         (local.get $scratch_116)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_117
          (i32.gt_u
           (i32.and
            (local.get $5)
            (i32.const 32767)
           )
           (i32.const 31744)
          )
         )
         (local.set $3
          (i32.const 458725)
         )
         (local.get $scratch_117)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_118
          (i64.ne
           (i64.load offset=327680
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
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
          (i32.const 589796)
         )
         (local.get $scratch_118)
        )
       )
       (i64.store16
        (i32.add
         (i32.load offset=327688
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
       (br $block6)
      )
      (br_if $block1
       (block (result i32)
        (local.set $scratch_119
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
        (local.get $scratch_119)
       )
      )
      (local.set $7
       (i64.add
        (local.get $15)
        (i64.const 0)
       )
      )
      (br_if $block1
       (block (result i32)
        (local.set $scratch_120
         (i64.ne
          (i64.load offset=65536
           (local.tee $4
            (i32.and
             (i32.shr_u
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.const 8)
             )
             (i32.const 262128)
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
         (i32.const 65506)
        )
        (local.get $scratch_120)
       )
      )
      (local.set $17
       (f64.reinterpret_i64
        (i64.or
         (i64.extend_i32_u
          (i32.load16_u
           (i32.add
            (i32.load offset=65544
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_121
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
         (i32.const 196577)
        )
        (local.get $scratch_121)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_122
         (i32.gt_u
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 31743)
         )
        )
        (local.set $3
         (i32.const 196577)
        )
        (local.get $scratch_122)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_123
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
         (i32.const 196577)
        )
        (local.get $scratch_123)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_124
         (i32.gt_u
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 31743)
         )
        )
        (local.set $3
         (i32.const 196577)
        )
        (local.get $scratch_124)
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
        (br_if $block1
         (block (result i32)
          (local.set $scratch_125
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
           (i32.const 196577)
          )
          (local.get $scratch_125)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_126
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
         (i32.const 327648)
        )
        (local.get $scratch_126)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_127
         (i32.gt_u
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 31744)
         )
        )
        (local.set $3
         (i32.const 327648)
        )
        (local.get $scratch_127)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_128
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
         (i32.const 327648)
        )
        (local.get $scratch_128)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_129
         (i32.gt_u
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 31744)
         )
        )
        (local.set $3
         (i32.const 327648)
        )
        (local.get $scratch_129)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_130
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
         (i32.const 458719)
        )
        (local.get $scratch_130)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_131
         (i32.gt_u
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 31744)
         )
        )
        (local.set $3
         (i32.const 458719)
        )
        (local.get $scratch_131)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_132
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
         (i32.const 458719)
        )
        (local.get $scratch_132)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_133
         (i32.gt_u
          (i32.and
           (local.get $5)
           (i32.const 32767)
          )
          (i32.const 31744)
         )
        )
        (local.set $3
         (i32.const 458719)
        )
        (local.get $scratch_133)
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
      (br_if $block1
       (block (result i32)
        (local.set $scratch_134
         (i64.ne
          (i64.load offset=327680
           (local.tee $4
            (i32.and
             (i32.shr_u
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.const 8)
             )
             (i32.const 262128)
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
         (i32.const 589790)
        )
        (local.get $scratch_134)
       )
      )
      (i64.store16
       (i32.add
        (i32.load offset=327688
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
       (local.set $scratch_135
        (i32.le_s
         (local.get $0)
         (i32.const 0)
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch_135)
      )
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_136
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
       (local.get $scratch_136)
      )
     )
     (local.set $7
      (i64.add
       (local.get $15)
       (i64.const 0)
      )
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_137
        (i64.ne
         (i64.load offset=65536
          (local.tee $4
           (i32.and
            (i32.shr_u
             (i32.wrap_i64
              (local.get $7)
             )
             (i32.const 8)
            )
            (i32.const 262128)
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
        (i32.const 0)
       )
       (local.get $scratch_137)
      )
     )
     (local.set $17
      (f64.reinterpret_i64
       (i64.or
        (i64.extend_i32_u
         (i32.load16_u
          (i32.add
           (i32.load offset=65544
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_138
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
        (i32.const 196607)
       )
       (local.get $scratch_138)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_139
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31743)
        )
       )
       (local.set $3
        (i32.const 196607)
       )
       (local.get $scratch_139)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_140
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
        (i32.const 196607)
       )
       (local.get $scratch_140)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_141
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31743)
        )
       )
       (local.set $3
        (i32.const 196607)
       )
       (local.get $scratch_141)
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
       (br_if $block1
        (block (result i32)
         (local.set $scratch_142
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
          (i32.const 196607)
         )
         (local.get $scratch_142)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_143
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
        (i32.const 327678)
       )
       (local.get $scratch_143)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_144
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31744)
        )
       )
       (local.set $3
        (i32.const 327678)
       )
       (local.get $scratch_144)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_145
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
        (i32.const 327678)
       )
       (local.get $scratch_145)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_146
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31744)
        )
       )
       (local.set $3
        (i32.const 327678)
       )
       (local.get $scratch_146)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_147
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
        (i32.const 458749)
       )
       (local.get $scratch_147)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_148
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31744)
        )
       )
       (local.set $3
        (i32.const 458749)
       )
       (local.get $scratch_148)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_149
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
        (i32.const 458749)
       )
       (local.get $scratch_149)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_150
        (i32.gt_u
         (i32.and
          (local.get $5)
          (i32.const 32767)
         )
         (i32.const 31744)
        )
       )
       (local.set $3
        (i32.const 458749)
       )
       (local.get $scratch_150)
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
     (br_if $block1
      (block (result i32)
       (local.set $scratch_151
        (i64.ne
         (i64.load offset=327680
          (local.tee $4
           (i32.and
            (i32.shr_u
             (i32.wrap_i64
              (local.get $7)
             )
             (i32.const 8)
            )
            (i32.const 262128)
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
        (i32.const 589820)
       )
       (local.get $scratch_151)
      )
     )
     (i64.store16
      (i32.add
       (i32.load offset=327688
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

/**
 * The codes of BPF instructions, named by the parts that include/uapi/linux/bpf_common.h composes
 * them from: the class, then the size and the mode of a load, or the operation and its operand (K
 * is the constant in the instruction, X the index register). eBPF has the same codes of arithmetic,
 * on the lower 32 bits, and of jumps, on all 64; their operands are the registers of the
 * instruction in place of A and X. Codes that only eBPF has, or that mean something else there,
 * start with EBPF_ (Documentation/bpf/standardization/instruction-set.rst).
 */

// Parts of a code.
export const CLASS_MASK = 0x07
export const CLASS_JMP = 0x05
export const CLASS_RET = 0x06
/** The size of a load: a word (W), a half word (H) or a byte (B). */
export const SIZE_MASK = 0x18
export const SIZE_W = 0x00
export const SIZE_H = 0x08
export const SIZE_B = 0x10
/** Set if the operand of arithmetic or of a jump is X. */
export const OPERAND_X = 0x08

// Loads into A: from the frame at k (ABS) or at X + k (IND), in network byte order; k itself, a
// scratch word, and the length of the frame.
export const LD_IMM = 0x00
export const LD_W_ABS = 0x20
export const LD_H_ABS = 0x28
export const LD_B_ABS = 0x30
export const LD_W_IND = 0x40
export const LD_H_IND = 0x48
export const LD_B_IND = 0x50
export const LD_MEM = 0x60
export const LD_LEN = 0x80

// Loads into X.
export const LDX_IMM = 0x01
export const LDX_MEM = 0x61
export const LDX_LEN = 0x81
/** Four times the low half of the byte at k, which is the length of an IPv4 header. */
export const LDX_B_MSH = 0xb1

// Stores of A and X to scratch memory.
export const ST = 0x02
export const STX = 0x03

// Arithmetic on A.
export const ADD_K = 0x04
export const ADD_X = 0x0c
export const SUB_K = 0x14
export const SUB_X = 0x1c
export const MUL_K = 0x24
export const MUL_X = 0x2c
export const DIV_K = 0x34
export const DIV_X = 0x3c
export const OR_K = 0x44
export const OR_X = 0x4c
export const AND_K = 0x54
export const AND_X = 0x5c
export const LSH_K = 0x64
export const LSH_X = 0x6c
export const RSH_K = 0x74
export const RSH_X = 0x7c
export const NEG = 0x84
export const MOD_K = 0x94
export const MOD_X = 0x9c
export const XOR_K = 0xa4
export const XOR_X = 0xac

// Jumps: always (k instructions ahead), and if A compares so with the operand.
export const JA = 0x05
export const JEQ_K = 0x15
export const JEQ_X = 0x1d
export const JGT_K = 0x25
export const JGT_X = 0x2d
export const JGE_K = 0x35
export const JGE_X = 0x3d
export const JSET_K = 0x45
export const JSET_X = 0x4d

// Returns, and copies between A and X.
export const RET_K = 0x06
export const RET_A = 0x16
export const TAX = 0x07
export const TXA = 0x87

// eBPF. Unless the name says 32, arithmetic, moves and jumps are on 64 bits.
/** The class of jumps on the lower 32 bits, in place of CLASS_JMP. */
export const EBPF_CLASS_JMP32 = 0x06
/** Takes the place of two instructions. */
export const EBPF_LD_IMM64 = 0x18
export const EBPF_LDX_W = 0x61
export const EBPF_LDX_H = 0x69
export const EBPF_LDX_B = 0x71
export const EBPF_LDX_DW = 0x79
export const EBPF_STX_W = 0x63
export const EBPF_STX_B = 0x73
export const EBPF_STX_DW = 0x7b
export const EBPF_ATOMIC_DW = 0xdb
export const EBPF_ADD_K = 0x07
export const EBPF_SUB_X = 0x1f
export const EBPF_MOV_K = 0xb7
export const EBPF_MOV_X = 0xbf
export const EBPF_MOV32_K = 0xb4
export const EBPF_MOV32_X = 0xbc
/** Converts between the byte orders of the host and the network; the constant is 16, 32 or 64. */
export const EBPF_TO_BE = 0xdc
export const EBPF_JLT_K = 0xa5
export const EBPF_JGT32_K = 0x26
export const EBPF_CALL = 0x85
export const EBPF_EXIT = 0x95

/** BPF programs on an interface that count frames, and the ids of all programs and links. */
import * as bpf from '#src/linux/bpf.ts'
import { check } from '#src/linux/errno.ts'
import { loadNative } from '#src/linux/native.ts'
import type { Netns, OwnNetns } from './netns.ts'
import { shownLink } from './shown-link.ts'

// include/uapi/linux/bpf.h, if_link.h
const BPF_PROG_LOAD = 5
const BPF_PROG_GET_NEXT_ID = 11
const BPF_LINK_CREATE = 28
const BPF_LINK_GET_NEXT_ID = 31
const SCHED_CLS = { type: 3, verdict: -1 }
const XDP = { type: 6, verdict: 2 }
const BPF_F_BEFORE = 1 << 3

/** Where a program is: its kind, its attach type, and the flags of BPF_LINK_CREATE. */
const PLACES = {
  'tcx ingress, first': [SCHED_CLS, 46, BPF_F_BEFORE],
  'tcx ingress, last': [SCHED_CLS, 46, 0],
  'tcx egress, first': [SCHED_CLS, 47, BPF_F_BEFORE],
  'tcx egress, last': [SCHED_CLS, 47, 0],
  'generic XDP': [XDP, 37, 1 << 1],
  'native XDP': [XDP, 37, 1 << 2],
} as const

export type Place = keyof typeof PLACES

const native = loadNative()

/** Attaches a program that counts frames. Returns a function that returns the count. */
export function countFrames(own: OwnNetns, netns: Netns, name: string, place: Place): () => number {
  const [{ type, verdict }, attachType, flags] = PLACES[place]
  const map = own.own(bpf.createArray(native, 1))
  const count: bpf.Instruction[] = [
    ...bpf.mapValue(1, map),
    bpf.movImm(2, 1),
    bpf.addAtomic64(1, 0, 2),
    bpf.mov32Imm(0, verdict),
    bpf.exit(),
  ]
  const program = own.own(load(type, Buffer.concat(count)))
  const attr = new Uint32Array(16)
  attr.set([program, shownLink(netns, name).ifindex, attachType, flags])
  own.own(check(native.bpf(netns.fd, BPF_LINK_CREATE, bytesOf(attr)), `BPF_LINK_CREATE, ${place}`))
  const value = new BigUint64Array(1)
  return () => {
    bpf.readArray(native, map, value)
    return Number(value[0])
  }
}

function load(type: number, code: Uint8Array): number {
  const attr = new Uint32Array(32)
  attr.set([type, code.length / 8])
  const license = new TextEncoder().encode('GPL\0')
  return check(
    native.bpf(-1, BPF_PROG_LOAD, bytesOf(attr), 8, new Uint8Array(code), 16, license),
    'BPF_PROG_LOAD',
  )
}

/** The ids of all programs, and of all links, of the machine. */
export function bpfIds(): { programs: number[]; links: number[] } {
  return { programs: idsOf(BPF_PROG_GET_NEXT_ID), links: idsOf(BPF_LINK_GET_NEXT_ID) }
}

function idsOf(command: number): number[] {
  const ids: number[] = []
  const attr = new Uint32Array(3)
  for (;;) {
    attr[0] = ids.at(-1) ?? 0
    if (native.bpf(-1, command, bytesOf(attr)) < 0) return ids
    ids.push(attr[1] as number)
  }
}

function bytesOf({ buffer }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer)
}

/** Returns the names of programs that are newer than `earlier` and have this name. */
export function newProgramsOf(earlier: { programs: number[] }, name: string): string[] {
  const ids = bpfIds().programs.filter(id => !earlier.programs.includes(id))
  return ids.map(id => bpf.programName(native, id)).filter(found => found === name) as string[]
}

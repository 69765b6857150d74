/** Files and filters that a wire spec refers to, from the client to the vnet. */
import { expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { attached, recording, type WireAttachment } from '#src/control/protocol/attachment.ts'
import { BpfProgram, packetFilter } from '#src/packet/bpf.ts'

/** Matches frames with 9 in byte 3: `ldb [3]; jeq #9; ret #65535; ret #0`. */
const PROGRAM = [
  { code: 0x30, jt: 0, jf: 0, k: 3 },
  { code: 0x15, jt: 0, jf: 1, k: 9 },
  { code: 0x06, jt: 0, jf: 0, k: 0xffffffff },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
]

test('files and filters arrive as the client read and compiled them', () => {
  const sent: WireAttachment[] = []
  const resources = recording(
    {
      filter: text => packetFilter(text, new BpfProgram(PROGRAM)),
      file: path => `text of ${path}: ä`,
    },
    attachment => sent.push(attachment),
  )
  expect([resources.filter('port 9').text, resources.file('t.trace')]).toEqual([
    'port 9',
    'text of t.trace: ä',
  ])
  expect(sent.map(({ file, filter }) => file ?? filter)).toEqual(['port 9', 't.trace'])
  const there = attached(sent)
  const matches = there.filter('port 9')
  expect([matches.text, matches.program.instructions]).toEqual(['port 9', PROGRAM])
  expect([
    matches(Uint8Array.of(0, 1, 2, 3, 9), 1, 4),
    matches(Uint8Array.of(1, 2, 3, 8), 0, 4),
  ]).toEqual([true, false])
  expect(there.file('t.trace')).toBe('text of t.trace: ä')
})

test('a file without an attachment is refused, even if it exists', () => {
  const none = attached([
    { file: 'port 9', bytes: new Uint8Array() },
    { filter: '/etc/passwd', bytes: new Uint8Array() },
  ])
  expect(() => none.file('/etc/passwd')).toThrow(
    new UsageError('the file /etc/passwd is not attached'),
  )
  expect(() => none.filter('port 9')).toThrow(new UsageError("the filter 'port 9' is not attached"))
})

test.each([
  ['of no instruction', new Uint8Array(), 'has 1 to 4096 instructions'],
  ['of a part of an instruction', new Uint8Array(9), '9 bytes'],
  ['of too many instructions', new Uint8Array(8 * 4097), 'has 1 to 4096 instructions'],
  [
    'that jumps out of itself',
    Uint8Array.of(0x15, 0, 9, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0),
    'instruction 0',
  ],
])('a program %s is refused', (_, bytes, reason) => {
  expect(() => attached([{ filter: 'x', bytes }]).filter('x')).toThrow(UsageError)
  expect(() => attached([{ filter: 'x', bytes }]).filter('x')).toThrow(reason)
})

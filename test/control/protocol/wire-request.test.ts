/** A client's attachments to a wire change, and its refusals. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { attached } from '#src/control/protocol/attachment.ts'
import { wireChange } from '#src/control/protocol/wire-request.ts'
import { parseWire } from '#src/wire/parse.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
const attachmentsOf = (text: string) => wireChange(text).attachments

test('a wire spec without a file or a filter attaches nothing', () => {
  expect(attachmentsOf('delay 20ms 5ms distribution normal loss 1%')).toEqual([])
})

test('each file and filter in a wire spec is attached once, and the spec is parsed from the attachments alone', () => {
  const file = join(directory, 'trace')
  writeFileSync(file, '1\n5\n')
  const words = `match icmp (trace ${file}) else (trace ${file} once)`
  const attachments = attachmentsOf(words)
  expect(attachments.map(({ file, filter }) => file ?? filter)).toEqual(['icmp', file])
  rmSync(file)
  expect(parseWire(words, attached(attachments)).map(({ kind }) => kind)).toEqual(['match'])
})

test('attachments that do not fit a message are refused with one line that says to give them at the start', () => {
  const file = join(directory, 'long')
  writeFileSync(file, '1\n'.repeat(29_900))
  expect(attachmentsOf(`trace ${file}`)).toHaveLength(1)
  writeFileSync(file, '1\n'.repeat(30_000))
  const most =
    'a running wire takes at most 60000 bytes of files and filters; give it at the start, by --wire'
  expect(() => attachmentsOf(`trace ${file}`)).toThrow(`${file}: ${most}`)
  expect(() => attachmentsOf(`loss 1% ${' '.repeat(4096)}`)).toThrow('at most 4096 bytes')
  expect(() => attachmentsOf('loss 1%\0')).toThrow('no NUL')
})

test('a wrong spec and missing files are refused for the direction in which they are wrong', () => {
  expect(() => attachmentsOf('loss one')).toThrow('one')
  expect(() => wireChange(`trace ${directory}/none`, { direction: 'ba' })).toThrow(
    'none: no such file or directory',
  )
})

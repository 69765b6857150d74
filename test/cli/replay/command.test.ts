/** The words and options of `vnet replay`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'

const directory = fileDirectory()
let file: string
beforeAll(() => {
  file = join(directory, 'a.pcap')
  writeFileSync(file, '')
})

describe('a wrong command line is one line and status 2, a missing file status 1', () => {
  test.each([
    [[], 'replay: missing argument FILE (see vnet replay --help)'],
    [['FILE'], 'replay: name an interface by --receive'],
    [['FILE', '--to', 'a'], "unknown option '--to' (see vnet replay --help)"],
    [['FILE', '--receive', '/a'], "'/a' is not [NETNS/]IF: a part is missing"],
    [['FILE', '--receive', 'a', '--limit', '0'], '--limit 0: must be a whole number from 1'],
    [['FILE', '--receive', 'a', '--direction', 'up'], '--direction up: must be out, in or all'],
    [['no-such-file', '--receive', 'a'], 'no-such-file: no such file or directory'],
    [['DIRECTORY', '--receive', 'a'], ': it is a directory, not a capture'],
    [['/dev/null', '--receive', 'a'], '/dev/null: it is a device, not a capture'],
  ])('vnet replay %j: %s', async (args, message) => {
    const words = args.map(word => ({ FILE: file, DIRECTORY: directory })[word] ?? word)
    const { status, stdout, stderr } = await runMain('replay', ...words)
    expect([status, stdout]).toEqual([args[0] === 'no-such-file' ? 1 : 2, ''])
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})

/** The words and options of `vnet replay`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { mapping } from '../../../src/cli/tool-commands.ts'
import { fileDirectory } from '../../support/fresh-directory.ts'
import { runMain } from '../../support/run-main.ts'

const directory = fileDirectory()
let file: string
beforeAll(() => {
  file = join(directory, 'a.pcap')
  writeFileSync(file, '')
})

describe('a wrong command line is one line and status 2, a missing file status 1', () => {
  test.each([
    [[], 'replay: missing argument FILE (see vnet replay --help)'],
    [['FILE'], 'replay: name an interface by --to or --receive'],
    [['FILE', '--to', 'a', '--receive', 'b'], '--receive cannot be used with --to'],
    [['FILE', '--to', '/a'], "'/a' is not [NETNS/]IF: a part is missing"],
    [['FILE', '--to', 'a', '--pps', '0'], '--pps 0: must be a number above 0, such as 10 or 0.5'],
    [['FILE', '--to', 'a', '--mbps', '1e9'], '--mbps 1e9: must be a number above 0, such as 10 or 0.5'],
    [['FILE', '--to', 'a', '--pps', '1', '--topspeed'], '--pps cannot be used with --topspeed'],
    [['FILE', '--to', 'a', '--loop', '-1'], '--loop -1: must be a whole number from 0'],
    [['FILE', '--to', 'a', '--limit', '0'], '--limit 0: must be a whole number from 1'],
    [['FILE', '--to', 'a', '--direction', 'up'], '--direction up: must be out, in or all'],
    [['FILE', '--to', 'a', '--map', '10.0.0.1'], '--map 10.0.0.1: must be two addresses'],
    [['no-such-file', '--to', 'a'], 'no-such-file: no such file or directory'],
    [['DIRECTORY', '--to', 'a'], ': it is a directory, not a capture'],
    [['/dev/null', '--to', 'a'], '/dev/null: it is a device, not a capture'],
    [['-', '--to', 'a', '--loop', '2'], '--loop 2: standard input can be read only once'],
  ])('vnet replay %j: %s', async (args, message) => {
    const words = args.map(word => ({ FILE: file, DIRECTORY: directory })[word] ?? word)
    const { status, stdout, stderr } = await runMain('replay', ...words)
    expect([status, stdout]).toEqual([args[0] === 'no-such-file' ? 1 : 2, ''])
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})

describe('--map', () => {
  test.each([
    ['10.0.0.1=198.18.0.1', [10, 0, 0, 1], [198, 18, 0, 1], 32],
    ['10.0.0.0/8=198.18.0.0/8', [10, 0, 0, 0], [198, 18, 0, 0], 8],
    ['02:00:00:00:00:01=02:00:00:00:00:FF', [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 255], 48],
    ['::1=::2', [...Array(15).fill(0), 1], [...Array(15).fill(0), 2], 128],
  ])('%s is a mapping', (text, from, to, bits) => {
    expect(mapping(text)).toEqual({ from: Uint8Array.from(from), to: Uint8Array.from(to), bits })
  })

  test.each([
    ['10.0.0.1=::1', 'both must be MAC addresses, or IPv4, or IPv6'],
    ['10.0.0.0/8=198.18.0.0/9', 'both must have the same prefix length'],
    ['10.0.0.0/33=10.0.0.0/33', 'must be two addresses'],
    ['10.0.0.1=10.0.0.2=10.0.0.3', 'must be two addresses'],
    ['=', 'must be two addresses'],
  ])('%s is refused', (text, message) => {
    expect(() => mapping(text)).toThrow(message)
  })
})

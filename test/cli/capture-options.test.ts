/** The options of captures, of the commands that make interfaces. */
import { expect, test } from 'vitest'
import {
  type CommonOptions,
  commonOptions,
  refuseStrayCaptureOptions,
} from '#src/cli/parse/options.ts'
import { runMain } from '#support/run-main.ts'

/** Parses an option's value like the command line. */
function parsed(flag: string, text: string): unknown {
  const option = commonOptions().find(({ long }) => long === flag)
  return option?.parse?.(text, undefined)
}

test.each([
  ['--ring', '10x100MB', { files: 10, bytes: 100 * 1024 ** 2 }],
  ['--ring', '2x64kB', { files: 2, bytes: 64 * 1024 }],
  ['--ring', '99999X1.5GiB', { files: 99_999, bytes: 1.5 * 1024 ** 3 }],
  ['--ring', '3x65536', { files: 3, bytes: 65_536 }],
  ['--duration', '30s', 30e9],
  ['--duration', '500ms', 5e8],
  ['--snaplen', '128', 128],
])('%s %s is %j', (flag, text, value) => {
  expect(parsed(flag, text)).toEqual(value)
})

test.each([
  ['--ring', '1x1MB', 'must be a number of files, from 2'],
  ['--ring', '100000x1MB', 'must be a number of files, from 2'],
  ['--ring', '2x1kB', 'the size of each, from 64kB'],
  ['--ring', '10', 'such as 10x100MB'],
  ['--ring', '10x', 'such as 10x100MB'],
  ['--ring', '10x1banana', 'such as 10x100MB'],
  ['--duration', '30', 'must be a time with its unit'],
  ['--duration', '0s', 'must be a time with its unit'],
  ['--duration', '1day', 'must be a time with its unit'],
  ['--snaplen', '0', 'must be a whole number from 1 to 262144'],
])('%s %s is refused', (flag, text, rule) => {
  expect(() => parsed(flag, text)).toThrow(rule)
})

test.each([
  ['filter', 'tcp', '--filter'],
  ['snaplen', 64, '--snaplen'],
  ['ring', { files: 2, bytes: 1e6 }, '--ring'],
  ['duration', 1, '--duration'],
  ['tlsKeys', 'keys', '--tls-keys'],
])('%s %j without a capture is refused', (name, value, flag) => {
  const options: CommonOptions = { [name]: value }
  expect(() => refuseStrayCaptureOptions(options)).toThrow(`${flag} needs --capture FILE`)
  expect(() => refuseStrayCaptureOptions({ ...options, capture: 'a' })).not.toThrow()
})

test.each([
  [['--capture', '-'], /^vnet: --capture -: .*`vnet capture IF -`/],
  [['snull', '--ring', '2x1MB'], /^vnet: --ring needs --capture FILE/],
  [['--capture', 'a', '--delete'], /^vnet: --delete cannot be used with --capture/],
  [
    ['--capture', 'a', '--duration', '10'],
    /^vnet: --duration 10: must be a time with its unit, such as 500ms or 30s/,
  ],
])('vnet %j is refused in one line with exit status 2', async (args, line) => {
  const { status, stdout, stderr } = await runMain(...args)
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toMatch(line)
  expect(stderr.split('\n')).toHaveLength(2)
})

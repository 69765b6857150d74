/**
 * The disks of hosts of a lab file: which programs have one, and its size.
 * test/kernel/disk.slow.test.ts has those of tests.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { ended } from '#support/ordinary-user.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { useTmpdir } from '../support/own-tmpdir.ts'

const directory = freshDirectory(0o1777)
useTmpdir(directory)

const vnet = (text: string, command: string, ...before: string[]) =>
  ended([
    process.execPath,
    PROGRAM,
    ...before,
    written(directory, 'net.yaml', text),
    '--',
    'sh',
    '-c',
    command,
  ])
const lab = (text: string, command: string, ...options: string[]) =>
  vnet(text, command, 'lab', ...options)

const TWO = 'hosts: [a, b]\ncables: { link: { ends: [a, b] } }\n'
const SIZE = 'stat -fc "%b * %S" "$VNET_DISK"'
/** The blocks of a disk, with the page that is always in use. */
const blocks = (mebibytes: number) => `${mebibytes * 256 + 1} * 4096\n`

describe('a lab file', () => {
  test('gives each host whose command names $VNET_DISK a disk of its own, and no other', () => {
    const services =
      'run:\n  b: { command: "echo of b >$VNET_DISK/file; echo up; sleep 1000", ready: up }\n'
    const own = lab(TWO + services, 'test -d "$VNET_DISK" && ls "$VNET_DISK"')
    expect(own).toMatchObject({ status: 0, stdout: '' })
    expect(lab(TWO + services, 'cat "$VNET_DISK/file"', '--host', 'b')).toMatchObject({
      stdout: 'of b\n',
    })
    expect(lab(TWO, SIZE)).toEqual({ status: 0, stdout: blocks(64), stderr: '' })
    expect(lab(TWO, 'env | grep -c "^VNET_.ISK"')).toMatchObject({ stdout: '0\n' })
  })

  test('gives a program and the command of one host the same disk, whichever names it', () => {
    const services =
      'run:\n  a: [{ command: sleep 1000 }, { command: "echo x >$VNET_DISK/file; echo up; sleep 1000", ready: up }]\n'
    expect(lab(TWO + services, 'cat "$VNET_DISK/file"')).toMatchObject({ status: 0, stdout: 'x\n' })
    expect(lab(`${TWO}run: { a: { command: sleep 1000 } }\n`, SIZE)).toMatchObject({
      stdout: blocks(64),
    })
  })

  test('sets the size of the disk of all hosts with `disk`, under `lab` and `explore`', () => {
    const text = `${TWO}disk: 100MiB\n`
    // The command does not name it.
    written(directory, 'size.sh', SIZE)
    const script = `sh ${directory}/size.sh`
    expect(lab(text, script)).toEqual({ status: 0, stdout: blocks(100), stderr: '' })
    const isSize = `test "$(${script})" = "${blocks(100).trim()}" || exit 1`
    const explored = (faults: string) =>
      vnet(
        text,
        `${isSize}; ping -c1 -W0.1 b || true`,
        'explore',
        '--budget',
        '1s',
        '--faults',
        faults,
      )
    for (const faults of ['drop', 'pause 1ms']) {
      expect(explored(faults).stdout).toContain('3 clean runs passed')
    }
  })

  test('refuses a size without a unit, an unknown one, and none', () => {
    for (const size of ['256', '256apples', '-1MiB', '0', '1e30GiB', '[1MiB]', '""']) {
      const { status, stderr } = lab(`${TWO}disk: ${size}\n`, 'true')
      expect([status, stderr]).toEqual([
        2,
        expect.stringMatching(/^vnet: .*net\.yaml:3:7: disk: expected a size, such as 256MiB.*\n$/),
      ])
    }
  })

  test('leaves nothing mounted, and no process, after the end of its command', () => {
    for (const end of ['exit 3', 'kill -9 $$', 'setsid sleep 1000 & true']) {
      lab(TWO, `ls $VNET_DISK; ${end}`)
    }
    // This process is one of them. Other tests mount other things meanwhile.
    const others = readdirSync('/proc').filter(pid => {
      try {
        return (
          /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(directory)
        )
      } catch {
        return false
      }
    })
    expect(others).toEqual([])
  })
})

test('a program that runs without a disk keeps later ones from it, in one line that says what to do', async () => {
  const text = `${TWO}run: { a: { command: sleep 1000 } }\n`
  const path = written(directory, 'net.yaml', text)
  const request = JSON.stringify({
    id: 1,
    method: 'exec',
    params: { host: 'a', command: 'echo $VNET_DISK' },
  })
  const { stdout } = ended([
    ...['sh', '-c', 'echo "$1" | "$2" "$3" lab --json "$4"', 'sh'],
    ...[request, process.execPath, PROGRAM, path],
  ])
  expect(JSON.parse(stdout.split('\n')[1] as string).error).toBe(
    'host a: a program without the disk runs: call disk() before it starts, or give the lab file `disk: 64MiB`',
  )
})

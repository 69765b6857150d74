/** The wall clock of the programs of a host. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { createLabWith } from '../../src/network/create-lab.ts'
import type { LabHost } from '../../src/network/host.ts'
import type { Lab } from '../../src/network/lab.ts'

const DAY_S = 86_400
const DAY_NS = DAY_S * 1e9

let lab: Lab
let server: LabHost

beforeEach(async () => {
  lab = await createLabWith({ world: 'kernel' }, { isHidden: true, hostFaults: ['clock'] })
  ;[server] = lab.hosts('server')
})
afterEach(() => lab.close())

/** How many days a clock in seconds is ahead of the clock of this process. */
const daysAhead = (seconds: number | string) =>
  Math.round((Number(seconds) - Date.now() / 1000) / DAY_S) + 0

test('a running program sees each jump of its wall clock at its next look, and none of monotonic clocks', async () => {
  const script = `process.stdin.on('data', () => console.log(JSON.stringify([Date.now() / 1000, process.hrtime.bigint().toString()])))`
  const { stdin, stdout } = server.spawn(process.execPath, ['-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: stdout! })[Symbol.asyncIterator]()
  const look = async () => {
    const before = process.hrtime.bigint()
    stdin!.write('?')
    const [wall, monotonic] = JSON.parse(String((await lines.next()).value))
    const isBetween = before < BigInt(monotonic) && BigInt(monotonic) < process.hrtime.bigint()
    return [daysAhead(wall), isBetween]
  }
  expect(await look()).toEqual([0, true])
  server.faults.setClock(2 * DAY_NS)
  expect(await look()).toEqual([2, true])
  server.faults.setClock(-3 * DAY_NS)
  expect(await look()).toEqual([-3, true])
  server.faults.setClock(0)
  expect(await look()).toEqual([0, true])
})

test.each([
  ['date', ['+%s']],
  ['sh', ['-c', 'date +%s']],
  ['bash', ['-c', 'echo $EPOCHSECONDS']],
  ['perl', ['-e', 'print time']],
  ['python3', ['-c', 'import time; time.sleep(0.01); print(time.time())']],
  ['env', ['node', '-p', 'Date.now() / 1000']],
])('a program that is started later has the clock, too: %s', async (program, args) => {
  server.faults.setClock(5 * DAY_NS)
  const { stdout, stderr } = await server.exec(program, args)
  expect([daysAhead(stdout), stderr]).toEqual([5, ''])
})

test.each([1, -1])(
  'waits until a time of the wall clock that is %d days ahead are as long as without',
  async days => {
    const program = join(testDirectory(), 'waits')
    const source = fileURLToPath(new URL('../support/wall-clock-waits.cc', import.meta.url))
    execFileSync('c++', ['-std=c++20', '-pthread', '-o', program, source])
    server.faults.setClock(days * DAY_NS)
    expect(await server.exec(program)).toMatchObject({ stdout: 'done\n', stderr: '' })
  },
)

test('a program whose allocator asks for the time has the clock, as with jemalloc', async () => {
  const [source, program] = ['clock.c', 'clock'].map(name => join(testDirectory(), name)) as [
    string,
    string,
  ]
  const text = `
    #include <stddef.h>
    #include <stdio.h>
    #include <string.h>
    #include <time.h>
    static _Alignas(16) char room[1 << 20];
    static size_t used;
    void *malloc(size_t n) {
      struct timespec now;
      clock_gettime(CLOCK_REALTIME, &now);
      void *at = room + used;
      used += (n + 15) & ~(size_t)15;
      return at;
    }
    void *calloc(size_t n, size_t size) { return malloc(n * size); }
    void *realloc(void *from, size_t n) { return from ? memcpy(malloc(n), from, n) : malloc(n); }
    void free(void *at) { (void)at; }
    int main(void) { printf("%ld", (long)time(NULL)); }`
  writeFileSync(source, text)
  execFileSync('cc', ['-fno-builtin', '-o', program, source])
  server.faults.setClock(2 * DAY_NS)
  const { stdout, stderr } = await server.exec(program)
  expect([daysAhead(stdout), stderr]).toEqual([2, ''])
})

test('programs of other hosts, and this process, have the right time', async () => {
  const [other] = lab.hosts('other')
  server.faults.setClock(DAY_NS)
  const now = Date.now() / 1000
  expect(daysAhead((await other.exec('date', ['+%s'])).stdout)).toBe(0)
  expect(Math.abs(Number(execFileSync('date', ['+%s'])) - now)).toBeLessThan(DAY_S / 2)
})

test('a program of another user has the clock, and keeps libraries that it preloads', async () => {
  server.faults.setClock(DAY_NS)
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-c', 'date +%s']
  expect(daysAhead((await server.exec('setpriv', user)).stdout)).toBe(1)
  const env = { ...process.env, LD_PRELOAD: 'libpthread.so.0' }
  const { stdout, stderr } = await server.exec('sh', ['-c', 'date +%s; echo $LD_PRELOAD >&2'], {
    env,
  })
  expect([daysAhead(stdout), stderr]).toEqual([
    1,
    expect.stringMatching(/clock\.so:libpthread\.so\.0\n$/),
  ])
})

test('programs that read the clock without libc are refused, also as interpreters', async () => {
  const directory = testDirectory()
  const own = join(directory, 'own')
  const source = join(directory, 'own.c')
  writeFileSync(source, 'int main(void) { return 0; }')
  execFileSync('cc', ['-static', '-o', own, source])
  const advice = 'explore it without this fault'
  const why = 'is statically linked, and reads the clock without libc'
  await expect(server.exec(own)).rejects.toThrow(`clock: ${own} ${why}: ${advice}`)
  const script = join(directory, 'script')
  writeFileSync(script, `#!/usr/bin/env ${own}\n`, { mode: 0o755 })
  await expect(server.exec(script)).rejects.toThrow(`clock: ${own} ${why}`)
  expect(() => server.launcher(own)).toThrow(why)
  // A program with the note of Go's linker.
  const note = join(directory, 'note.s')
  writeFileSync(
    note,
    '.section .note.go.buildid,"a",@note\n.long 4, 4, 4\n.ascii "Go\\0\\0"\n.ascii "1234"\n',
  )
  execFileSync('cc', ['-o', own, source, note])
  await expect(server.exec(own)).rejects.toThrow(
    `clock: ${own} is a Go program, and reads the clock without libc`,
  )
  execFileSync('cc', ['-o', own, source])
  expect(await server.exec(own)).toMatchObject({ status: 0 })
  copyFileSync('/dev/null', own)
  await expect(server.exec(own)).rejects.toMatchObject({
    code: expect.stringMatching(/ENOEXEC|EACCES/),
  })
})

test('a directory of PATH that cannot be looked into is left to the kernel', async () => {
  const loop = join(testDirectory(), 'loop')
  symlinkSync(loop, loop)
  const env = { ...process.env, PATH: `${loop}:${process.env.PATH}` }
  await expect(server.exec('true', [], { env })).rejects.toThrow(/^exec true: ELOOP, /)
})

test('a lab that was made without the fault refuses it', async () => {
  await using other = await createLabWith(
    { world: 'kernel' },
    { isHidden: true, hostFaults: ['pause'] },
  )
  const [host] = other.hosts('host')
  await host.exec('true')
  expect(() => host.faults.setClock(DAY_NS)).toThrow('the lab was made without this fault')
  host.faults.setClock(0)
})

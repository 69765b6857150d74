/** How guests end that do not reach the end of their command. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fileDirectory, freshDirectory } from '#support/fresh-directory.ts'
import { complaints, shell, startVnet } from '../support/guest-runs.ts'

const cwd = freshDirectory()
/** The files of runs are in it. */
const TMPDIR = fileDirectory()

/** The process of QEMU, which a vnet has started. */
function machineOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .trim()
    .split(' ')
    .map(Number)
  const isMachine = (child: number) =>
    readFileSync(`/proc/${child}/comm`, 'latin1').startsWith('qemu')
  return children.find(isMachine) ?? 0
}

test('a panic of the kernel of the guest is one line', async () => {
  const end = await shell('echo c > /proc/sysrq-trigger', { cwd })
  expect([end.status, complaints(end)]).toEqual([
    1,
    ['vnet: the guest has ended: Kernel panic - not syncing: sysrq triggered crash'],
  ])
})

test('a program that needs more memory than there is is killed, and the rest continues', async () => {
  const end = await shell('tail /dev/zero; echo $?', { cwd }, '--memory', '256')
  expect([end.status, end.stdout, complaints(end)]).toEqual([0, '137\n', ['Killed']])
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends the guest, with status %i and without files', async (signal, status) => {
  const run = startVnet(['guest', '--', 'sh', '-c', 'echo started; while :; do :; done'], {
    cwd,
    env: { TMPDIR },
  })
  await run.printed('started')
  const watcher = spawn('tail', [`--pid=${machineOf(run.pid)}`, '-f', '/dev/null'])
  run.kill(signal)
  expect((await run.ended).status).toBe(status)
  await once(watcher, 'close')
  expect(readdirSync(TMPDIR)).toEqual([])
})

test('a vnet that is killed takes its machine and its files with it', async () => {
  const run = startVnet(['guest', '--', 'sh', '-c', 'echo started; while :; do :; done'], {
    cwd,
    env: { TMPDIR },
  })
  await run.printed('started')
  const machine = machineOf(run.pid)
  expect(machine).toBeGreaterThan(0)
  const watcher = spawn('tail', [`--pid=${machine}`, '-f', '/dev/null'])
  run.kill('SIGKILL')
  await run.ended
  await once(watcher, 'close')
  await expect.poll(() => readdirSync(TMPDIR)).toEqual([])
})

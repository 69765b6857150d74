/** The parts of `vnet check --kernel` that need no virtual machine. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TestBed } from '#src/bed/test-bed.ts'
import { runMain } from '#support/run-main.ts'
import { loadExercises } from '../src/commands/exercise-file.ts'
import { COURSE } from '../src/folder.ts'
import { moduleName } from '../src/kernel/build.ts'
import { reported } from '../src/kernel/check.ts'
import { withoutMiddle } from '../src/kernel/guest.ts'
import { complaintsIn, lineOf, moduleParams, reportsIn } from '../src/kernel/live.ts'
import { skeletonOf } from '../src/kernel/skeleton.ts'

const OOPS = `[    3.100000] ring: loading out-of-tree module taints kernel.
[    3.200000] ring: slots are few
[    5.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008
[    5.000001] #PF: supervisor write access in kernel mode
[    5.000002] Oops: 0002 [#1] PREEMPT SMP NOPTI
[    5.000003] RIP: 0010:memcpy_erms+0x6/0x10
[    5.000004] Call Trace:
[    5.000005]  <TASK>
[    5.000006]  ? ring_guess+0x2/0x90 [ring]
[    5.000007]  ring_start_xmit+0x1a/0x80 [ring]
[    5.000008]  dev_hard_start_xmit+0x8e/0x1f0
[    5.000009] Kernel panic - not syncing: Fatal exception in interrupt
`

test('an oops is one report, by the places in the module that are sure', () => {
  expect(reportsIn(OOPS, 'ring')).toEqual([
    {
      what: 'BUG: kernel NULL pointer dereference, address: 0000000000000008',
      isFatal: true,
      places: ['ring_start_xmit+0x1a/0x80'],
    },
  ])
})

test("a module's complaints are the lines before the first report, without the kernel's usual ones", () => {
  expect(complaintsIn(OOPS)).toEqual(['ring: slots are few'])
})

const WATCHDOG = `[    9.1] ------------[ cut here ]------------
[    9.1] NETDEV WATCHDOG: watch0 (): transmit queue 0 timed out
[    9.1] WARNING: CPU: 1 PID: 0 at net/sched/sch_generic.c:525 dev_watchdog+0x207/0x210
[    9.1] RIP: 0010:dev_watchdog+0x207/0x210
`
const JOB = {
  file: '/m/watch.c',
  image: '',
  initramfs: '',
  module: '/none.ko',
  directory: '',
  addresses: [],
  card: undefined,
}

test("a timeout of the kernel's watchdog is reported, unless the check allows it", () => {
  expect(reported(WATCHDOG, { allow: /WATCHDOG/ }, JOB)).toBeUndefined()
  expect(reported(WATCHDOG, {}, JOB)?.seen).toBe(
    'WARNING: CPU: 1 PID: 0 at net/sched/sch_generic.c:525 dev_watchdog+0x207/0x210: not in watch.c',
  )
})

const LOCKUP = `[   31.1] watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [init:1]
[   31.1] RIP: 0010:native_queued_spin_lock_slowpath+0x1a/0x2c0
[   31.1]  __dev_queue_xmit+0x9c1/0xb40
[   31.2] Sending NMI from CPU 1 to CPUs 0:
[   31.2] NMI backtrace for cpu 0
[   31.2] RIP: 0010:ring_start_xmit+0x21/0x80 [wrong]
[   31.3] Kernel panic - not syncing: softlockup: hung tasks
`

test('a lockup of a CPU that waits is reported by the place of the CPU that it waits for', () => {
  expect(reportsIn(LOCKUP, 'wrong')).toEqual([
    {
      what: 'watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [init:1]',
      isFatal: true,
      places: ['ring_start_xmit+0x21/0x80'],
    },
  ])
})

test('a place without debug information has no line', () => {
  expect(lineOf('ring_start_xmit+0x1a/0x80', '/none.ko', 'ring.c')).toBeUndefined()
  expect(lineOf('ring_start_xmit', '/none.ko', 'ring.c')).toBeUndefined()
})

test('options of vnet become parameters of the module, without those that it lacks', () => {
  expect(moduleParams(['a/sw0', '--pool-size', '8', '--plain'])).toEqual(['pool_size=8', 'plain=1'])
  expect(moduleParams([])).toEqual([])
  const args = ['--lag', '3', '--ring-size', '8', '--weak']
  expect(moduleParams(args, ['lag', 'weak'])).toEqual(['ring_size=8'])
})

test('a module has the name of its file', () => {
  expect(moduleName('/home/me/my-ring.c')).toBe('my_ring')
})

test('an exercise with several interfaces has an address for each in the kernel', async () => {
  const several = (await loadExercises()).flatMap(({ name, addresses }) =>
    addresses ? [[name, addresses.length]] : [],
  )
  expect(several).toEqual([
    ['10-switch', 3],
    ['12-board', 2],
  ])
})

test.each([
  [['check', '--kernel'], "check: --kernel needs an exercise, such as 03-ring, not ''"],
  [['check', '--kernel', '03-ring', 'ring.js'], 'check: ring.js is not a C file'],
  [
    ['check', '--kernel', '--memory-only', '03-ring'],
    'check: --memory-only has no meaning with --kernel',
  ],
  [
    ['check', '--kernel', '--require-live', '03-ring'],
    'check: --require-live has no meaning with --kernel',
  ],
  [['check', '--kernel', '--csv', '03-ring'], 'check: --csv has no meaning with --kernel'],
  [['check', '--kernel', '--jobs', '2', '03-ring'], 'check: --jobs has no meaning with --kernel'],
  [['check', '--kernel', '--unsafe', '03-ring'], 'check: --unsafe has no meaning with --kernel'],
  [
    ['check', '--mistakes', '--csv', 'packages/learn/course/01-drop'],
    'check: --csv has no meaning with --mistakes',
  ],
  [['check', '--mistakes', '--from', 'course'], 'check: --from has no meaning with --mistakes'],
  [
    ['check', '--mistakes', '--kernel', '01-drop'],
    'check: --kernel has no meaning with --mistakes',
  ],
])('vnet %j is refused in one line', async (args, line) => {
  expect(await runMain(...args)).toEqual({ status: 2, stdout: '', stderr: `vnet: ${line}\n` })
})

test.each([
  [
    ['check', '--kernel', '03-ring', 'none.c'],
    'check: no none.c; vnet learn --kernel 03-ring writes a skeleton',
  ],
  [
    ['check', '03-ring', 'ring.c'],
    "check: '03-ring' is neither an exercise nor a file; vnet learn lists them",
  ],
])('vnet %j fails in one line, because a file is missing', async (args, line) => {
  expect(await runMain(...args)).toEqual({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })
})

test('a program that is missing for the virtual machine is named with its package', async () => {
  const { PATH } = process.env
  process.env.PATH = '/nowhere'
  try {
    const { status, stderr } = await runMain(
      'check',
      '--kernel',
      '03-ring',
      'packages/learn/course/03-ring/kernel/solution.c',
    )
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /^vnet: check: --kernel needs qemu-system-x86_64, .*: sudo apt-get install .*qemu-system-x86 .*\n$/,
    )
  } finally {
    process.env.PATH = PATH
  }
})

async function skeleton(name: string, file: string): Promise<string> {
  const path = join(COURSE, name, file)
  const { driver } = await import(path)
  const bed = await TestBed.make(driver, {}, {})
  try {
    return skeletonOf({
      title: 'title',
      driver,
      devices: bed.devices,
      text: readFileSync(path, 'utf8'),
    })
  } finally {
    await bed.close()
  }
}

test("the skeleton of a module has the driver's parameters, operations and tasks by the kernel's names", async () => {
  const text = await skeleton('03-ring', 'ring.js')
  expect(text).toContain('static unsigned int slots = 8;\nmodule_param(slots, uint, 0444);\n')
  expect(text).toContain('MODULE_PARM_DESC(delay, "ms until a frame is back");')
  expect(text).toContain(
    'static netdev_tx_t ring_start_xmit(struct sk_buff *skb, struct net_device *dev)',
  )
  expect(text).toContain('\t.ndo_stop = ring_stop,\n')
  expect(text).toContain(' *   TODO 2: hand all frames over, oldest first.\n')
  expect(text).toContain('alloc_netdev_mqs(sizeof(*priv), "ring%d"')
})

test('a task of several lines is whole in the skeleton of a module', async () => {
  expect(await skeleton('03-ring', 'ring.js')).toContain(
    ' *   TODO 1: put the frame into the ring, and arm the alarm\n *     if it is not armed.\n',
  )
})

test('the skeleton of a module has as many devices as the driver, with ARP if that has it', async () => {
  const text = await skeleton('10-switch', 'switch.js')
  expect(text).toContain('#define DEVICES 3\n')
  expect(text).toContain('\tdev->flags &= ~IFF_NOARP;\n')
})

test("the skeleton of a module declares a parameter that changes while it runs as root's to write", async () => {
  expect(await skeleton('06-timeout', 'timeout.js')).toContain('module_param(lockup, uint, 0644);')
})

test('a long console keeps its start and its end', () => {
  expect(withoutMiddle('0123456789', 10)).toBe('0123456789')
  expect(withoutMiddle('0123456789a', 10)).toBe('01234\n789a')
  expect(withoutMiddle(`${withoutMiddle('0123456789a', 10)}b`, 10)).toBe('01234\n89ab')
})

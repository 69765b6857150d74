import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EINVAL, ETIMEDOUT } from '#src/base/errno.ts'
import { hasCapability } from '#src/linux/privileges.ts'
import { native, type Outcome, run } from './support.ts'

/** Reads the privileges of all threads, without repetitions. */
const SHOW = `
  const show = () => {
    const { readdirSync, readFileSync } = require('node:fs')
    const wanted = /^(?:Cap(?:Inh|Prm|Eff|Amb)|NoNewPrivs):\\s*(\\w+)$/gm
    const of = thread => [...readFileSync('/proc/self/task/' + thread + '/status', 'utf8').matchAll(wanted)].map(found => found[1]).join(' ')
    return [...new Set(readdirSync('/proc/self/task').map(of))].map(text => text.replaceAll(/0{15}/g, ''))
  }`

/** Drops all but `keep` in a process with threads of every kind, and starts more afterwards. */
const drop = (keep: number): Promise<Outcome> =>
  run(`${SHOW}
  const { Worker } = require('node:worker_threads')
  const fs = require('node:fs/promises')
  const idle = () => new Promise(resolve => {
    const worker = new Worker('setInterval(() => {}, 1000)', { eval: true }).on('online', () => resolve(worker))
  })
  ;(async () => {
    await fs.stat('/')
    const workers = [await idle(), await idle()]
    const result = native.dropPrivileges(${keep}, 0)
    workers.push(await idle())
    await Promise.all(Array.from({ length: 8 }, () => fs.stat('/')))
    console.log(JSON.stringify([result, ...show()]))
    for (const worker of workers) await worker.terminate()
  })()`)

test('dropPrivileges drops the capabilities of all threads, even later ones, and the process continues', async () => {
  const { code, stdout } = await drop(0)
  expect([code, JSON.parse(stdout)]).toEqual([0, [0, '0 0 0 0 1']])
})

test('dropPrivileges does not gain a kept capability that the thread lacks', async () => {
  const { stdout } = await drop(1)
  const there = process.geteuid?.() === 0 && hasCapability(0) ? '0 1 1 0 1' : '0 0 0 0 1'
  expect(JSON.parse(stdout)).toEqual([0, there])
})

test('dropPrivileges works twice, and setuid(3) works after it', async () => {
  // glibc's setuid(2) signals all threads with the borrowed signal.
  const { code, stdout } = await run(`
    const results = [native.dropPrivileges(0, 0), native.dropPrivileges(0, 0)]
    process.setuid(process.getuid())
    console.log(JSON.stringify(results))`)
  expect([code, stdout]).toEqual([0, '[0,0]\n'])
})

test('dropPrivileges returns -ETIMEDOUT when a thread cannot be reached', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  try {
    const source = join(directory, 'deaf.c')
    // A thread that blocks every signal, unknown to the C library.
    writeFileSync(
      source,
      `#define _GNU_SOURCE
      #include <pthread.h>
      #include <stdint.h>
      #include <signal.h>
      #include <sys/syscall.h>
      #include <unistd.h>
      static void *deaf(void *unused) {
        uint64_t all = ~0ull;
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, sizeof all);
        for (;;) pause();
      }
      __attribute__((constructor)) static void begin(void) { pthread_t thread; pthread_create(&thread, 0, deaf, 0); }`,
    )
    const library = join(directory, 'deaf.so')
    execFileSync('gcc', ['-shared', '-fPIC', '-pthread', '-o', library, source])
    const env = [
      'env',
      `LD_PRELOAD=${[process.env.LD_PRELOAD, library].filter(Boolean).join(':')}`,
      process.execPath,
    ]
    const { stdout } = await run('console.log(native.dropPrivileges(0, 0))', env)
    expect(stdout).toBe(`${-ETIMEDOUT}\n`)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('dropPrivileges refuses a mask that is not an unsigned 32-bit number', () => {
  const call = native.dropPrivileges as (low: unknown, high: unknown) => number
  for (const bad of [-1, 0.5, 2 ** 32, 'all', undefined]) {
    expect([call(bad, 0), call(0, bad)]).toEqual([-EINVAL, -EINVAL])
  }
})

test('hasCapability returns what the kernel reports as effective', () => {
  const effective = BigInt(
    `0x${/CapEff:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`,
  )
  for (const bit of [0, 12, 21, 40]) {
    expect(hasCapability(bit)).toBe((effective >> BigInt(bit)) % 2n === 1n)
  }
})

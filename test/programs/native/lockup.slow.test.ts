/** The watchdog of the main thread, in child processes, with a short limit. */
import { describe, expect, test } from 'vitest'
import { EINVAL, EPERM } from '../../../src/base/errno.ts'
import { native, run, runWorker } from './support.ts'

/**
 * A script that watches itself and prints on stderr. `spin(ms)` uses that much CPU time in one
 * call, and `later` runs when every lockup is reported. `before` runs first.
 */
const watched = (script: string, countsSleep = 1, before = '') => `
  ${before}
  const LIMIT = 200
  const events = native.watchLockups(LIMIT, ${countsSleep}, 2, Buffer.from('locked\\n'))
  const spin = ms => {
    const start = process.cpuUsage()
    for (let used = 0; used < ms * 1000;) {
      const { user, system } = process.cpuUsage(start)
      used = user + system
    }
  }
  const sleep = ms => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  const signal = (...names) => require('node:child_process').spawn(
    'sh', ['-c', names.map(name => 'kill -' + name + ' ' + process.pid).join('; ')])
  const later = fn => setTimeout(fn, LIMIT)
  ${script}
`

describe('a call of the main thread', () => {
  test.each([
    ['uses the CPU', 'setTimeout', 'spin(500)'],
    ['sleeps', 'setImmediate', 'sleep(600)'],
  ])(
    'a call that %s for longer than the limit is reported once, and its duration when it returns',
    async (_, at, call) => {
      const outcome = await run(
        watched(`${at}(() => {
        ${call}
        const poller = native.createPoller(events, () => {
          const ms = native.timerfdRead(events)
          if (ms === 1) return
          console.error('returned', ms >= LIMIT)
          poller.close()
        })
        poller.start()
      })`),
      )
      expect(outcome).toMatchObject({ stderr: 'locked\nreturned true\n', code: 0 })
    },
  )

  test('a call that sleeps is not reported where a debugger may have paused it', async () => {
    const { stderr } = await run(watched("sleep(600); later(() => console.error('end'))", 0))
    expect(stderr).toBe('end\n')
  })

  test('many short calls of pollers in one turn of the event loop are not reported', async () => {
    const { stderr } = await run(
      watched(`
        const pollers = Array.from({ length: 12 }, () => {
          const fd = native.timerfdCreate()
          native.timerfdSettime(fd, 1)
          const poller = native.createPoller(fd, () => {
            native.timerfdRead(fd)
            spin(60)
          })
          poller.start()
          return poller
        })
        setTimeout(() => later(() => {
          for (const poller of pollers) poller.close()
          console.error('end')
        }), 50)
      `),
    )
    expect(stderr).toBe('end\n')
  })

  test('neither waiting for events nor a stopped process is reported', async () => {
    const { stderr } = await run(
      watched(
        `
        setTimeout(() => {
          waking.stdin.end('\\n')
          process.kill(process.pid, 'SIGSTOP')
          later(() => console.error('end'))
        }, 600)
      `,
        1,
        // On a busy machine, spawn() takes longer than the limit.
        `const waking = require('node:child_process').spawn(
          'sh', ['-c', 'read line; sleep 0.6; kill -CONT ' + process.pid], { stdio: ['pipe', 'ignore', 'inherit'] })`,
      ),
    )
    expect(stderr).toBe('end\n')
  })
})

describe('SIGINT and SIGTERM', () => {
  const listen = (fn: string) => `for (const name of ['SIGINT', 'SIGTERM']) process.on(name, ${fn})`
  /** Sends signals from another thread once the lockup is reported; `sent[0]` is 1 afterwards. */
  const inLockup = (...names: string[]) => `
    const sent = new Int32Array(new SharedArrayBuffer(4))
    new (require('node:worker_threads').Worker)(\`
      const { readSync } = require('node:fs')
      for (let isLocked = false; !isLocked;) {
        try { isLocked = readSync(\${events}, Buffer.alloc(8)) === 8 } catch {}
      }
      for (const name of ${JSON.stringify(names)}) process.kill(process.pid, name)
      require('node:worker_threads').workerData[0] = 1
    \`, { eval: true, workerData: sent }).unref()`

  test('after a signal that JavaScript does not handle, a second one ends the process', async () => {
    const script = `${inLockup('SIGINT', 'SIGTERM')}\nsetTimeout(() => { for (;;); })`
    const { signal, code } = await run(watched(script, 1, listen('() => {}')))
    expect(code).toBe(null)
    // Which of two pending signals is handled first is up to the kernel.
    expect(['SIGINT', 'SIGTERM']).toContain(signal)
  })

  test('one signal is handled when the call returns, as are two in a process that is not locked up', async () => {
    const onSignal = `() => {
      console.error('signal')
      if (++signals === 1) later(() => signal('TERM', 'INT'))
      if (signals === 3) process.exit()
    }`
    const script = `${inLockup('SIGINT')}\nlet signals = 0\nsetTimeout(() => { while (Atomics.load(sent, 0) === 0); })\nsetInterval(() => {}, 1000)`
    const { stderr, code } = await run(watched(script, 1, listen(onSignal)))
    expect(stderr).toBe('locked\nsignal\nsignal\nsignal\n')
    expect(code).toBe(0)
  })
})

test('only the main thread is watched, and a limit that is too short is refused', async () => {
  expect(native.watchLockups(1, 1, 2, new Uint8Array(0))).toBe(-EINVAL)
  const outcome = await runWorker('console.log(native.watchLockups(200, 1, 2, new Uint8Array(0)))', 'start()')
  expect(outcome).toMatchObject({ stdout: `${-EPERM}\n`, code: 0 })
})

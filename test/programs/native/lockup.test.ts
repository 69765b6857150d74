/** The watchdog of the main thread, in child processes, with a short limit. */
import { describe, expect, test } from 'vitest'
import { EINVAL, EPERM } from '../../../src/base/errno.ts'
import { native, run, runWorker } from './support.ts'

/**
 * A script that watches itself and prints on stderr. `spin(ms)` uses that much CPU time in one
 * call, and `later` runs when every lockup is reported. `before` runs first: only signals that have
 * a listener then are watched.
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
      watched(`
        setTimeout(() => {
          require('node:child_process').spawn('sh', ['-c', 'sleep 0.6; kill -CONT ' + process.pid])
          process.kill(process.pid, 'SIGSTOP')
          later(() => console.error('end'))
        }, 600)
      `),
    )
    expect(stderr).toBe('end\n')
  })
})

describe('SIGINT and SIGTERM', () => {
  test('after a signal that JavaScript does not handle, a second one ends the process', async () => {
    const listen = "for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => {})"
    const { signal, code } = await run(watched("signal('INT', 'TERM'); for (;;);", 1, listen))
    expect(code).toBe(null)
    // Which of two pending signals is handled first is up to the kernel, and two of a kind are one.
    expect(['SIGINT', 'SIGTERM']).toContain(signal)
  })

  test('one signal is handled when the call returns, as are two in a process that is not locked up', async () => {
    const { stderr, code } = await run(
      watched(
        "signal('INT').on('exit', () => spin(500))",
        1,
        `
          let signals = 0
          const onSignal = () => {
            console.error('signal')
            if (++signals === 1) later(() => signal('TERM', 'INT'))
            // Its end takes longer than a lockup, without one.
            if (signals === 3) setTimeout(() => {
              console.error('end')
              process.exit()
            }, 2 * LIMIT)
          }
          process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
          // The last signal may arrive after the end of the process that sends it.
          setInterval(() => {}, 1000)
        `,
      ),
    )
    expect(stderr.replace('locked\n', '')).toBe('signal\nsignal\nsignal\nend\n')
    expect(code).toBe(0)
  })

  test('two signals that arrive at the end of a long call are handled, because only the call before them was long', async () => {
    const { stderr, code } = await run(
      watched(
        `
          process.kill(process.pid, 'SIGINT')
          // The watching thread looks at the main thread meanwhile.
          const end = () => {
            process.kill(process.pid, 'SIGTERM')
            process.kill(process.pid, 'SIGINT')
            sleep(30)
          }
        `,
        1,
        `
          let signals = 0
          const onSignal = () => {
            if (++signals === 1) {
              spin(500)
              end()
            }
            if (signals === 3) process.exit()
          }
          process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
          setInterval(() => {}, 1000)
        `,
      ),
    )
    expect(stderr).toBe('locked\n')
    expect(code).toBe(0)
  })
})

test('only the main thread is watched, and a limit that is too short is refused', async () => {
  expect(native.watchLockups(1, 1, 2, new Uint8Array(0))).toBe(-EINVAL)
  const outcome = await runWorker('console.log(native.watchLockups(200, 1, 2, new Uint8Array(0)))', 'start()')
  expect(outcome).toMatchObject({ stdout: `${-EPERM}\n`, code: 0 })
})

import { afterEach, describe, expect, test } from 'vitest'
import { EBADF, EINVAL, EPERM, VnetError } from '#src/base/errno.ts'
import { check } from '#src/linux/errno.ts'
import type { Poller } from '#src/linux/native.ts'
import { O_RDONLY } from '#src/linux/uapi.ts'
import { addonPath, datagrams, native, run, runWorker } from './support.ts'

const closers: (() => unknown)[] = []
afterEach(() => {
  // Closes the poller before its descriptor.
  for (const close of closers.splice(0).reverse()) {
    close()
  }
})

/** Polls a datagram socket. `next` resolves at the poller's next call to its status. */
function polled(act: (status: number) => void = () => {}) {
  const socket = datagrams()
  closers.push(socket.close)
  const into = new Uint8Array(64)
  const statuses: number[] = []
  let settle: (status: number) => void = () => {}
  const poller = native.createPoller(socket.fd, status => {
    statuses.push(status)
    act(status)
    settle(status)
  })
  if (typeof poller === 'number') throw new VnetError(poller, 'createPoller')
  closers.push(() => poller.close())
  return {
    ...socket,
    poller,
    statuses,
    drain: () => native.recvmsg(socket.fd, into, 0, new Int32Array(3)),
    next: () =>
      new Promise<number>(resolve => {
        settle = resolve
      }),
  }
}

/** Lets the event loop poll its descriptors at least twice. */
async function turns() {
  for (let i = 0; i < 3; i++) {
    await new Promise(resolve => setImmediate(resolve))
  }
}

describe('a poller', () => {
  test('a poller calls fn(0) while its descriptor is readable', async () => {
    const { poller, send, drain, next, statuses } = polled()
    expect(poller.start()).toBe(0)
    send(1)
    expect(await next()).toBe(0)
    expect(await next()).toBe(0)
    drain()
    await turns()
    const calls = statuses.length
    await turns()
    expect(statuses.length).toBe(calls)
  })

  test('a poller that watches for writing calls fn while its descriptor is writable', async () => {
    const { poller, next, statuses } = polled()
    expect([poller.start(), poller.watch(3)]).toEqual([0, 0])
    expect(await next()).toBe(0)
    expect(await next()).toBe(0)
    expect(poller.watch(1)).toBe(0)
    const calls = statuses.length
    await turns()
    expect(statuses.length).toBe(calls)
    expect([poller.watch(0), poller.watch(4), poller.close(), poller.watch(1)]).toEqual([
      -EINVAL,
      -EINVAL,
      0,
      -EBADF,
    ])
  })

  test('a poller calls fn only for the events it watches, also if watch() precedes start()', async () => {
    const { poller, send, drain, next, statuses } = polled(() => poller.stop())
    expect(poller.watch(2)).toBe(0)
    send(1)
    await turns()
    expect(statuses).toEqual([])
    poller.start()
    await next()
    drain()
    expect([poller.watch(1), poller.start()]).toEqual([0, 0])
    await turns()
    expect(statuses).toEqual([0])
  })

  test('a poller calls fn only between start() and stop()', async () => {
    const { poller, send, next, statuses } = polled()
    send(1)
    await turns()
    expect(statuses).toEqual([])
    poller.start()
    expect(poller.start()).toBe(0)
    await next()
    expect(poller.stop()).toBe(0)
    expect(poller.stop()).toBe(0)
    const calls = statuses.length
    await turns()
    expect(statuses.length).toBe(calls)
    poller.start()
    expect(await next()).toBe(0)
  })

  test('fn may stop its poller', async () => {
    const { poller, send, next, statuses } = polled(() => poller.stop())
    poller.start()
    send(1)
    await next()
    await turns()
    expect(statuses).toEqual([0])
  })

  test('fn may close its poller, twice, and is not called again', async () => {
    const { poller, send, next, statuses } = polled(() => {
      expect(poller.close()).toBe(0)
      expect(poller.close()).toBe(0)
    })
    poller.start()
    send(1)
    await next()
    await turns()
    expect(statuses).toEqual([0])
    expect(poller.close()).toBe(0)
    expect([poller.start(), poller.stop(), poller.ref(), poller.unref()]).toEqual(
      new Array(4).fill(-EBADF),
    )
  })

  test('promises and ticks run between two calls of fn', async () => {
    const order: string[] = []
    const { poller, send, next } = polled(() => {
      order.push('call')
      process.nextTick(() => order.push('tick'))
      Promise.resolve().then(() => order.push('promise'))
    })
    poller.start()
    send(1)
    await next()
    await next()
    poller.stop()
    await turns()
    expect(order.slice(0, 6)).toEqual(['call', 'tick', 'promise', 'call', 'tick', 'promise'])
  })

  test('a poller reports an error once, stops, and can be started again', async () => {
    // The writing end of a pipe without a reader polls like a deleted TAP: POLLERR and nothing
    // else.
    const { stdout, stderr, code } = await run(`
      const { execFileSync } = require('node:child_process')
      const fs = require('node:fs')
      const dir = fs.mkdtempSync(require('node:os').tmpdir() + '/vnet-')
      execFileSync('mkfifo', [dir + '/fifo'])
      const reader = native.open(dir + '/fifo', 0x800, -1)
      const writer = native.open(dir + '/fifo', 0x801, -1)
      fs.rmSync(dir, { recursive: true })
      native.close(reader)
      const statuses = []
      let idle = 0
      const poller = native.createPoller(writer, status => { statuses.push(status); idle = 0 })
      poller.start()
      const look = () => {
        if (idle++ < 5) return setImmediate(look)
        if (statuses.length === 1) { poller.start(); idle = 0; return setImmediate(look) }
        poller.close()
        native.close(writer)
        console.log(statuses.join())
      }
      setImmediate(look)
    `)
    expect({ stdout, stderr, code }).toEqual({
      stdout: `${-EBADF},${-EBADF}\n`,
      stderr: '',
      code: 0,
    })
  })

  test('a started poller keeps the process alive unless unref() was called', async () => {
    const script = (expiry: string, more: string) => `
      const fd = native.timerfdCreate()
      const poller = native.createPoller(fd, () => { console.log('rang'); poller.close() })
      native.timerfdSettime(fd, ${expiry})
      ${more}
    `
    const soon = 'native.monotonic() + 1e7'
    const never = 'native.monotonic() + 1e15'
    expect(await run(script(soon, 'poller.start()'))).toMatchObject({ stdout: 'rang\n', code: 0 })
    expect(await run(script(soon, 'poller.start(); poller.unref(); poller.ref()'))).toMatchObject({
      stdout: 'rang\n',
    })
    for (const more of ['', 'poller.start(); poller.unref()', 'poller.start(); poller.stop()']) {
      expect(await run(script(never, more)), more).toMatchObject({
        stdout: '',
        stderr: '',
        code: 0,
      })
    }
  })
})

describe('a poller that returns true has more to do', () => {
  /** A timer that has rung. fn returns each of `answers` in turn, and the last one for ever. */
  const script = (answers: boolean[], more = '') => `
    const fd = native.timerfdCreate()
    native.timerfdSettime(fd, 1)
    const answers = ${JSON.stringify(answers)}
    let calls = 0
    const poller = native.createPoller(fd, () => {
      native.timerfdRead(fd)
      const answer = answers[Math.min(calls++, answers.length - 1)]
      ${more}
      return answer
    })
    poller.start()
    const turns = async n => { for (let i = 0; i < n; i++) await new Promise(setImmediate) }
  `

  test('a poller is called again while fn returns true, though nothing is readable', async () => {
    const { stdout, stderr } = await run(`
      ${script([true, true, true, false])}
      void (async () => {
        while (calls < 4) await turns(1)
        await turns(5)
        const before = calls
        native.timerfdSettime(fd, 1)
        while (calls === before) await turns(1)
        console.log(before, calls)
        poller.close()
      })()
    `)
    expect({ stdout, stderr }).toEqual({ stdout: '4 5\n', stderr: '' })
  })

  test.each(['stop', 'close'])(
    'a poller whose fn returns true is not called again after %s() in that call',
    async method => {
      const { stdout, stderr } = await run(`
      ${script([true], `if (calls === 3) poller.${method}()`)}
      poller.unref()
      void (async () => {
        await turns(20)
        console.log(calls)
      })()
    `)
      expect({ stdout, stderr }).toEqual({ stdout: '3\n', stderr: '' })
    },
  )

  test('a poller with an fn that returns true takes turns with other pollers, timers and immediates', async () => {
    const { stdout, stderr } = await run(`
      const order = []
      const greedy = name => {
        const fd = native.timerfdCreate()
        native.timerfdSettime(fd, 1)
        return native.createPoller(fd, () => { order.push(name); return true })
      }
      const pollers = [greedy('a'), greedy('b')]
      const fd = native.timerfdCreate()
      native.timerfdSettime(fd, 1)
      pollers.push(native.createPoller(fd, () => void order.push('c')))
      for (const poller of pollers) poller.start()
      const end = () => {
        for (const poller of pollers) poller.close()
        const of = name => order.filter(other => other === name).length
        console.log(Math.abs(of('a') - of('b')) <= 1, of('a') > 10, Math.abs(of('a') - of('c')) <= 2)
      }
      let turns = 0
      const turn = () => setImmediate(++turns === 20 ? end : turn)
      setTimeout(turn, 1)
    `)
    expect({ stdout, stderr }).toEqual({ stdout: 'true true true\n', stderr: '' })
  })

  test.each([
    ['keeps the process alive', '', 'all'],
    ['keeps it alive no more after unref()', 'poller.unref()', 'some'],
    ['keeps it alive again after ref()', 'poller.unref(); setImmediate(() => poller.ref())', 'all'],
  ])('a poller whose fn returns true %s', async (_, told, calls) => {
    // In its first call, which is certain: an earlier unref() could end the process before any.
    const { stdout, code } = await run(`
      process.on('exit', () => console.log(calls === 1000 ? 'all' : calls > 0 ? 'some' : 'none'))
      ${script([true], `if (calls === 1) { ${told} } if (calls === 1000) poller.close()`)}
    `)
    expect({ stdout, code }).toEqual({ stdout: `${calls}\n`, code: 0 })
  })

  test.each(['stop', 'close'])(
    'a poller is not called again after another fn of the same turn calls its %s()',
    async method => {
      const { stdout, stderr } = await run(`
      const pollers = []
      const calls = [0, 0]
      const ended = [false, false]
      for (const i of [0, 1]) {
        const fd = native.timerfdCreate()
        native.timerfdSettime(fd, 1)
        pollers[i] = native.createPoller(fd, () => {
          native.timerfdRead(fd)
          if (ended[i]) console.log('called after its end')
          calls[i]++
          // The first of the two in a turn stops the other, which is next in the same turn.
          if (calls[0] + calls[1] === 21) {
            ended[1 - i] = true
            pollers[1 - i].${method}()
          }
          if (calls[i] === 50) pollers[i].close()
          return true
        })
      }
      for (const poller of pollers) poller.start()
      const turns = async n => { for (let i = 0; i < n; i++) await new Promise(setImmediate) }
      void turns(200).then(() => console.log(Math.max(...calls), Math.min(...calls) <= 10))
    `)
      expect({ stdout, stderr }).toEqual({ stdout: '50 true\n', stderr: '' })
    },
  )

  test('a poller is still watched when its fn throws', async () => {
    const { stdout, stderr, code } = await run(`
      process.on('uncaughtException', error => console.log(error.message))
      ${script([true], "if (calls === 3) { native.timerfdSettime(fd, 1); throw new Error('third') } if (calls === 4) poller.close()")}
    `)
    expect({ stdout, stderr, code }).toEqual({ stdout: 'third\n', stderr: '', code: 0 })
  })
})

describe('busy polling', () => {
  /** Milliseconds that the event loop sleeps in the 100 ms after an event. */
  const asleep = async (ns: number) => {
    const { stdout, stderr } = await run(`
      const { performance } = require('node:perf_hooks')
      native.setBusyPoll(${ns})
      const fd = native.timerfdCreate()
      let calls = 0
      const poller = native.createPoller(fd, () => { native.timerfdRead(fd); if (++calls === 1) measure() })
      poller.start()
      native.timerfdSettime(fd, 1)
      const measure = () => setTimeout(() => {
        const start = performance.eventLoopUtilization()
        native.timerfdSettime(fd, native.monotonic() + 1e6)
        // The event loop polls between the timer and the immediate.
        setTimeout(() => setImmediate(() => {
          console.log(calls, performance.eventLoopUtilization(start).idle)
          poller.close()
        }), 100)
      }, 10)
    `)
    expect(stderr).toBe('')
    const [calls, ms] = stdout.split(' ').map(Number)
    expect(calls).toBe(2)
    return ms
  }

  test('busy polling looks for events without sleeping for the given time, and timers still run', async () => {
    expect(await asleep(0)).toBeGreaterThan(10)
    expect(await asleep(1e9)).toBeLessThan(1)
    expect(await asleep(1e6)).toBeGreaterThan(10)
  })

  test('busy polling does not delay the timers of the event loop', async () => {
    const { stdout, stderr } = await run(`
      native.setBusyPoll(1e9)
      const fd = native.timerfdCreate()
      let calls = 0
      const poller = native.createPoller(fd, () => {
        native.timerfdRead(fd)
        if (++calls === 1) native.timerfdSettime(fd, native.monotonic() + 5e8)
        else { console.log('event'); poller.close() }
      })
      poller.start()
      native.timerfdSettime(fd, 1)
      setTimeout(() => console.log('timer'), 20)
    `)
    expect({ stdout, stderr }).toEqual({ stdout: 'timer\nevent\n', stderr: '' })
  })

  test('busy polling covers pollers started meanwhile, and not those stopped', async () => {
    const { stdout, stderr } = await run(`
      native.setBusyPoll(1e9)
      const order = []
      const timers = [0, 1, 2].map(i => {
        const fd = native.timerfdCreate()
        return { fd, poller: native.createPoller(fd, () => { native.timerfdRead(fd); order.push(i); next(i) }) }
      })
      const ring = i => native.timerfdSettime(timers[i].fd, native.monotonic() + 1e6)
      let step = 0
      function next() {
        step++
        if (step === 1) { timers[0].poller.stop(); timers[1].poller.start(); ring(0); ring(1) }
        else if (step === 2) { timers[2].poller.start(); ring(2) }
        else if (step === 3) timers[0].poller.start()
        else { for (const { poller } of timers) poller.close(); console.log(order.join('')) }
      }
      timers[0].poller.start()
      ring(0)
    `)
    expect({ stdout, stderr }).toEqual({ stdout: '0120\n', stderr: '' })
  })

  test('busy polling reports an error once, like the event loop', async () => {
    const { stdout, stderr, code } = await run(`
      const { execFileSync } = require('node:child_process')
      const fs = require('node:fs')
      native.setBusyPoll(5e7)
      const dir = fs.mkdtempSync(require('node:os').tmpdir() + '/vnet-')
      execFileSync('mkfifo', [dir + '/fifo'])
      const reader = native.open(dir + '/fifo', 0x800, -1)
      const writer = native.open(dir + '/fifo', 0x801, -1)
      fs.rmSync(dir, { recursive: true })
      const timer = native.timerfdCreate()
      const ticks = native.createPoller(timer, () => { native.timerfdRead(timer); native.close(reader) })
      const poller = native.createPoller(writer, status => {
        console.log(status)
        ticks.close()
      })
      poller.start()
      ticks.start()
      native.timerfdSettime(timer, 1)
    `)
    expect({ stdout, stderr, code }).toEqual({ stdout: `${-EBADF}\n`, stderr: '', code: 0 })
  })

  test('busy polling is limited to a second', () => {
    expect([native.setBusyPoll(-1), native.setBusyPoll(1e9 + 1), native.setBusyPoll(0)]).toEqual([
      -EINVAL,
      -EINVAL,
      0,
    ])
  })
})

describe('createPoller', () => {
  test('createPoller returns -errno for a descriptor that cannot be polled', () => {
    const file = check(native.open('/proc/self/exe', O_RDONLY, -1), 'open')
    closers.push(() => native.close(file))
    expect(native.createPoller(file, () => {})).toBe(-EPERM)
    expect(native.createPoller(-1, () => {})).toBe(-EBADF)
    expect(native.createPoller(1_000_000, () => {})).toBe(-EBADF)
  })

  test('pollers share their methods, which would be garbage with finalizers', () => {
    const [a, b] = [polled().poller, polled().poller]
    expect([a.start, a.stop, a.watch, a.ref, a.unref, a.close]).toEqual([
      b.start,
      b.stop,
      b.watch,
      b.ref,
      b.unref,
      b.close,
    ])
    expect(Object.keys(a)).toEqual([])
  })

  test('poller methods refuse a foreign this', () => {
    const { poller } = polled()
    const methods = Object.values(Object.getPrototypeOf(poller)) as Poller['start'][]
    expect(methods).toHaveLength(6)
    for (const method of methods) {
      for (const other of [{}, native, undefined, 7, Object.create(poller)]) {
        expect(method.call(other as Poller)).toBe(-EINVAL)
      }
    }
  })
})

describe('an exception in the call', () => {
  test('an exception of fn reaches uncaughtException, and the poller continues', async () => {
    const { stdout, stderr, code } = await run(`
      const fd = native.timerfdCreate()
      native.timerfdSettime(fd, 1)
      let calls = 0
      process.on('uncaughtException', error => console.log(error.message))
      const poller = native.createPoller(fd, () => {
        if (++calls === 3) return poller.close()
        throw new Error('call ' + calls)
      })
      poller.start()
    `)
    expect({ stdout, stderr, code }).toEqual({ stdout: 'call 1\ncall 2\n', stderr: '', code: 0 })
  })

  test('an unhandled exception of fn ends the process with the exception and code 1', async () => {
    const { stderr, code } = await run(`
      const fd = native.timerfdCreate()
      native.timerfdSettime(fd, 1)
      native.createPoller(fd, () => { throw new Error('nobody handles this') }).start()
    `)
    expect(code).toBe(1)
    expect(stderr).toContain('Error: nobody handles this')
  })

  test('an exception in a tick or a promise of fn is handled like any other', async () => {
    const { stdout, code } = await run(`
      const fd = native.timerfdCreate()
      native.timerfdSettime(fd, 1)
      process.on('uncaughtException', error => console.log(error.message))
      let calls = 0
      const poller = native.createPoller(fd, () => {
        if (++calls === 3) return poller.close()
        if (calls === 1) process.nextTick(() => { throw new Error('tick') })
        else Promise.reject(new Error('promise'))
      })
      poller.start()
    `)
    expect({ stdout, code }).toEqual({ stdout: 'tick\npromise\n', code: 0 })
  })
})

describe('the end of an environment', () => {
  test('terminating a worker closes its pollers', async () => {
    // Always readable, so that the thread is polling whenever it ends.
    const outcome = await runWorker(
      `
      const { parentPort } = require('node:worker_threads')
      const poll = () => {
        const fd = native.timerfdCreate()
        native.timerfdSettime(fd, 1)
        let calls = 0
        native.createPoller(fd, () => { if (++calls === 3) parentPort.postMessage(fd); return more }).start()
      }
      native.setBusyPoll(1e6)
      let more = false
      poll()
      more = true
      poll()
    `,
      `
      const { once } = require('node:events')
      void (async () => {
        const codes = []
        for (let i = 0; i < 10; i++) {
          const thread = start()
          await once(thread, 'message')
          await once(thread, 'message')
          codes.push(await thread.terminate())
        }
        console.log(codes.join(''))
      })()
    `,
    )
    expect(outcome).toEqual({ stdout: '1111111111\n', stderr: '', code: 0, signal: null })
  })

  test('a worker that is terminated while it loads the addon does not end the process', async () => {
    // Busy for 0 to 3 ms, so that the addon is found half loaded in some of them.
    const outcome = await run(`
      const { once } = require('node:events')
      const { Worker } = require('node:worker_threads')
      void (async () => {
        for (let n = 0; n < 30; n++) {
          const worker = new Worker('require(process.env.ADDON)', { eval: true, env: { ADDON: '${addonPath}' } })
          await once(worker, 'online')
          for (const end = performance.now() + (n % 30) / 10; performance.now() < end; ) {}
          await worker.terminate()
        }
        console.log('goes on')
      })()
    `)
    expect(outcome).toEqual({ stdout: 'goes on\n', stderr: '', code: 0, signal: null })
  })

  test('terminating a worker closes its descriptors and no others', async () => {
    const outcome = await runWorker(
      `
      const { parentPort } = require('node:worker_threads')
      native.close(native.open('/dev/null', 0, -1))
      const fd = native.timerfdCreate()
      const fds = [fd, native.open('/dev/zero', 0, -1), native.socket(1, 2, 0, -1)]
      native.createPoller(fd, () => parentPort.postMessage(fds)).start()
      native.timerfdSettime(fd, 1)
    `,
      `
      const { once } = require('node:events')
      const { readlinkSync } = require('node:fs')
      const isOpen = fd => {
        try { return /zero|socket|timerfd/.test(readlinkSync('/proc/self/fd/' + fd)) } catch { return false }
      }
      void (async () => {
        const mine = native.open('/dev/zero', 0, -1)
        const thread = start()
        const [fds] = await once(thread, 'message')
        const during = fds.filter(isOpen)
        await thread.terminate()
        console.log(during.length, fds.filter(isOpen).length, isOpen(mine))
      })()
    `,
    )
    expect(outcome).toEqual({ stdout: '3 0 true\n', stderr: '', code: 0, signal: null })
  })

  test.each(['process.exit(3)', 'setImmediate(() => process.exit(3))'])(
    'a worker ends cleanly when fn does %s',
    async exit => {
      const script = `
      const fd = native.timerfdCreate()
      native.timerfdSettime(fd, 1)
      native.createPoller(fd, () => { ${exit} }).start()
    `
      expect(await run(script)).toEqual({ stdout: '', stderr: '', code: 3, signal: null })
      const thread = await runWorker(script, `start().on('exit', code => console.log(code))`)
      expect(thread).toEqual({ stdout: '3\n', stderr: '', code: 0, signal: null })
    },
  )

  test('a worker ends cleanly with pollers started, stopped, closed and just made', async () => {
    const outcome = await run(`
      const make = () => native.createPoller(native.timerfdCreate(), () => {})
      make()
      make().start()
      make().close()
      const stopped = make()
      stopped.start()
      stopped.stop()
      process.exit(0)
    `)
    expect(outcome).toEqual({ stdout: '', stderr: '', code: 0, signal: null })
  })
})

test('making and closing many pollers leaks no descriptor, memory or listener', async () => {
  const { stdout, stderr, code } = await run(
    `
    const fs = require('node:fs')
    const count = () => fs.readdirSync('/proc/self/fd').length
    const round = async () => {
      for (let i = 0; i < 500; i++) {
        const fd = native.timerfdCreate()
        native.timerfdSettime(fd, 1)
        const big = new Array(1000).fill(i)
        const poller = native.createPoller(fd, () => big.length)
        poller.start()
        if (i % 2) await new Promise(setImmediate)
        poller.close()
        native.close(fd)
      }
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      gc()
    }
    void (async () => {
      await round()
      const before = [count(), process.memoryUsage().heapUsed]
      await round()
      await round()
      const grown = process.memoryUsage().heapUsed - before[1]
      console.log(count() - before[0], grown < 4e6 ? 'same' : grown)
    })()
  `,
    [process.execPath, '--expose-gc'],
  )
  expect({ stdout, stderr, code }).toEqual({ stdout: '0 same\n', stderr: '', code: 0 })
})

test('a started poller and its function outlive every reference to them', async () => {
  const { stdout } = await run(
    `
    const fd = native.timerfdCreate()
    native.createPoller(fd, () => { console.log('rang'); process.exit() }).start()
    void (async () => {
      for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate) }
      native.timerfdSettime(fd, 1)
    })()
  `,
    [process.execPath, '--expose-gc'],
  )
  expect(stdout).toBe('rang\n')
})

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { start } from '../../memory/time/started.ts'
import { MODULE, run } from './timed-program.ts'

/** V8 of Node before 26 has Temporal only with a flag. */
const TEMPORAL = 'Temporal' in globalThis ? [] : ['--harmony-temporal']

/** Ends a child process with the test. */
function ended<T extends ChildProcess>(child: T): T {
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

test('an alarm keeps its process alive', () => {
  const program = `
    const alarm = time.clock.alarm(() => log('rung at ' + time.now))
    alarm.at(5e9)
    alarm.at(10e9)`
  const { status, lines } = run(program)
  expect([status, lines]).toEqual([0, ['rung at 10000']])
})

test('sockets that cannot connect leave nothing in the memory of the world', () => {
  const program = `
    import net from 'node:net'
    import { setFlagsFromString } from 'node:v8'
    import { runInNewContext } from 'node:vm'
    import { Outside } from ${JSON.stringify(join(MODULE, '../outside.js'))}
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc')
    const outside = new Outside({ patience: 5000, log }, () => {})
    outside.open()
    // The call fails before the request of the connection has started.
    for (let i = 0; i < 10; i++) await new Promise(resolve => net.connect(9, '255.255.255.255').on('error', resolve))
    log(outside.size > 0)
    for (let i = 0; i < 10; i++) {
      await new Promise(resolve => setImmediate(resolve))
      gc()
    }
    log(outside.size)
    outside.close()`
  const { status, lines } = run(program)
  expect([status, lines]).toEqual([0, ['true', '0']])
})

test('Temporal.Now shows the time of the world', () => {
  const program = `
    await time.sleep(1500)
    const { Now } = Temporal
    log(String(Now.instant()))
    for (const name of ['zonedDateTimeISO', 'plainDateTimeISO', 'plainDateISO', 'plainTimeISO']) {
      log(String(Now[name]('UTC')))
    }`
  const { status, lines } = run(program, TEMPORAL)
  expect([status, ...lines]).toEqual([
    0,
    '2000-01-01T00:00:01.5Z',
    '2000-01-01T00:00:01.5+00:00[UTC]',
    '2000-01-01T00:00:01.5',
    '2000-01-01',
    '00:00:01.5',
  ])
})

test('a timer without ref that gets its ref back keeps its process alive', () => {
  const program = `
    const timer = setTimeout(() => log('rung at ' + time.now), 1000).unref()
    setTimeout(() => timer.ref(), 10)`
  expect(run(program).lines).toEqual(['rung at 1000'])
})

test('a sleep keeps its process alive if the last one left only a timer without ref', () => {
  const program = `
    setInterval(() => {}, 1000).unref()
    await time.sleep(10)
    await time.sleep(10)
    log('over at ' + time.now)`
  expect(run(program).lines).toEqual(['over at 20'])
})

test('timers without ref ring while a real connection, older than the world, keeps the process alive', () => {
  const program = `
    import net from 'node:net'
    time.close()
    const server = net.createServer(accepted => {
      server.close()
      const world = new VirtualTime()
      let rings = 0
      setInterval(() => {
        log('rung at ' + world.now)
        rings++
        if (rings === 3) {
          accepted.destroy()
          client.destroy()
        }
      }, 1000).unref()
    })
    server.listen(0, '127.0.0.1')
    let client
    server.on('listening', () => { client = net.connect(server.address().port) })`
  const { status, lines } = run(program)
  expect([status, lines.slice(0, 3)]).toEqual([0, [1000, 2000, 3000].map(at => `rung at ${at}`)])
})

test('aborted and ended timers of node:timers/promises do not keep their process alive', () => {
  const program = `
    import { setInterval as every, setTimeout as wait } from 'node:timers/promises'
    const controller = new AbortController()
    const aborted = wait(5000, undefined, { signal: controller.signal }).catch(() => {})
    for await (const _ of every(10)) break
    controller.abort()
    await aborted
    const timer = setTimeout(() => {}, 5000)
    clearTimeout(timer)
    timer.refresh()
    process.on('exit', () => log('exit at ' + time.now))`
  expect(run(program).lines).toEqual(['exit at 10'])
})

test('a process ends while a world runs in which nothing is pending', () => {
  // Status 13 is an await at the top level that nothing settles.
  expect(run('await new Promise(() => {})').status).toBe(13)
})

test('a timer without ref rings while something else keeps the process alive', () => {
  const program = `
    import { createServer } from 'node:net'
    const server = createServer().listen(0, '127.0.0.1', () => {
      setInterval(() => log('rung at ' + time.now), 1000).unref()
      setTimeout(() => server.close(), 3500).unref()
    })`
  const { status, lines } = run(program)
  expect([status, lines.slice(0, 3)]).toEqual([0, [1000, 2000, 3000].map(at => `rung at ${at}`)])
})

test('an exception of a timer or an alarm is an uncaught exception, and the others ring', () => {
  const program = `
    process.on('uncaughtException', error => log(error.message))
    setTimeout(() => { throw new Error('timer') }, 1)
    time.clock.alarm(() => { throw new Error('alarm') }).at(2e6)
    let rings = 0
    const interval = setInterval(() => {
      if (++rings === 2) clearInterval(interval)
      throw new Error('interval ' + time.now)
    }, 3)
    setTimeout(() => log('rung at ' + time.now), 10)`
  expect(run(program).lines).toEqual(['timer', 'alarm', 'interval 3', 'interval 6', 'rung at 10'])
})

test('time continues with one line about a child process without events, which it names', async () => {
  const lines: string[] = []
  const time = start({ patience: 50, log: line => lines.push(line) })
  const child = ended(spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9)', 'server.js']))
  await time.sleep('1h')
  await time.sleep('1h')
  expect(lines).toEqual([
    `vnet: the lab waits for a child process (${process.execPath} -e setInterval(() => {}, 1e9) server.js, pid ` +
      `${child.pid}): in a lab in memory real programs take real time, and after 50ms without an event the clock ` +
      'no longer waits for this one',
  ])
})

test('time does not wait for a child process without ref', async () => {
  const time = start({ patience: 60_000 })
  const child = ended(
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9)'], { stdio: 'ignore' }),
  )
  child.unref()
  await time.sleep('1h')
  expect(time.now).toBe(3_600_000)
})

test('time stands still for a request of before the world, such as the close of a module', () => {
  const fifo = join(fileDirectory(), 'fifo')
  execFileSync('mkfifo', [fifo])
  // The open of one end waits for the other, which is opened in real time.
  const earlier = `
    const { open, openSync } = await import('node:fs')
    open('${fifo}', () => log('opened'))
    setTimeout(() => openSync('${fifo}', 'w'), 50)`
  const program = `
    setTimeout(() => log('rung'), 1000)
    setTimeout(() => log('without ref'), 1001).unref()`
  const { status, lines } = run(program, [], earlier)
  expect([status, lines]).toEqual([0, ['opened', 'rung']])
})

test('an exception of a timer ends a process that does not catch it', () => {
  const { status, stderr } = run("setTimeout(() => { throw new Error('of the timer') }, 1)")
  expect(status).toBe(1)
  expect(stderr).toContain('of the timer')
})

test('time stands still until a child process ends', async () => {
  const time = start()
  const timer = setInterval(() => {}, 1)
  const child = execFile(process.execPath, ['-p', '1'])
  await once(child, 'close')
  clearInterval(timer)
  expect(time.now).toBe(0)
})

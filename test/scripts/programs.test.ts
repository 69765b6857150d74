/** The programs of a run of tests: how they end. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { KeptOutput, Programs } from '../../scripts/programs.mjs'

const programs = new Programs(process.cwd())

/** Runs a shell script. `ended` resolves to its exit code, `printed` are the numbers it prints. */
function run(script: string, limit?: number) {
  const printed: number[] = []
  const output = new KeptOutput()
  const twoPrinted = new Promise<void>(resolve => {
    output.write = (chunk: Buffer) => {
      printed.push(...String(chunk).trim().split('\n').map(Number))
      if (printed.length === 2) {
        resolve()
      }
    }
  })
  const ended = programs.run(['bash', '-c', script], { env: process.env, limit, output })
  return { ended, printed, twoPrinted }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a program that ends in time has its own exit code', async () => {
  const { ended, printed } = run('echo 7; exit 3', 60_000)
  expect([await ended, printed]).toEqual([3, [7]])
  expect(await run('kill -9 $$').ended).toBe(137)
})

test('a program that takes too long ends with all that it has started', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  vi.spyOn(console, 'error').mockReturnValue()
  const stubborn = "trap '' TERM; sleep 1000 & echo $!; wait; :"
  const { ended, printed, twoPrinted } = run(`(${stubborn}) & echo $!; wait`, 60_000)
  await twoPrinted
  vi.advanceTimersByTime(60_000)
  vi.advanceTimersByTime(5000)
  expect(await ended).toBe(143)
  await expect.poll(() => printed.filter(isRunning)).toEqual([])
  expect(console.error).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('too long'))
})

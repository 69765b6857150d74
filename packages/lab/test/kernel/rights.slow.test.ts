/** Where no lab can be made, its absence is an error with a remedy, not the end of the process. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const index = new URL('../../dist/index.js', import.meta.url).href
const native = new URL('../../../../dist/linux/native.js', import.meta.url).href

/** Runs a program in a user namespace, in the network namespace of this process. */
function inUserNamespace(program: string): {
  readonly status: number | null
  readonly stdout: string
} {
  const words = ['-U', '-r', process.execPath, '--input-type=module', '-e', program]
  const { status, stdout, stderr } = spawnSync('unshare', words, {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(stderr).toBe('')
  return { status, stdout }
}

test('createLab rejects with what to do in a user namespace that does not own its network namespace', () => {
  const { status, stdout } = inUserNamespace(`
    import { createLab, LabUnavailableError } from '${index}'
    const error = await createLab({ world: 'kernel' }).catch(error => error)
    console.log(error instanceof LabUnavailableError, error.message)`)
  expect([status, stdout]).toEqual([
    0,
    expect.stringMatching(
      /^true a lab needs a network namespace that belongs to its user namespace.*vnet rootless/,
    ),
  ])
})

test('a thread that could not return to its network namespace does not leave it', () => {
  const { status, stdout } = inUserNamespace(`
    import { spawn } from 'node:child_process'
    import { once } from 'node:events'
    import { loadNative } from '${native}'
    const native = loadNative()
    const other = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(other.stdout, 'data')
    const nsfd = native.open('/proc/' + other.pid + '/ns/net', 0, -1)
    console.log(native.createNetns(), native.socket(2, 2, 0, nsfd), native.socket(2, 2, 0, -1) > 0)
    other.stdin.end()`)
  expect([status, stdout]).toEqual([0, '-1 -1 true\n'])
})

/** The places of functions. The debugger hashes the text of all scripts whenever it lists them. */
import { Session } from 'node:inspector'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { functionLines, functionPlace } from '#src/netdev/debug/function-place.node.ts'

let calls: unknown[][]
beforeEach(() => {
  calls = vi.spyOn(Session.prototype, 'post').mock.calls
})
afterEach(() => void vi.restoreAllMocks())

const lists = () => calls.filter(([method]) => method === 'Debugger.enable').length

test('the debugger lists the scripts once for all functions of a file', () => {
  const places = [() => 1, () => 2].map(functionPlace)
  expect(places).toEqual([
    expect.stringMatching(/\/function-place\.test\.ts:\d+$/),
    expect.stringMatching(/\/function-place\.test\.ts:\d+$/),
  ])
  expect(lists()).toBe(1)
})

test('the debugger lists the scripts once for the lines of a function', () => {
  const fn = () => 'found'
  const lines = functionLines(fn, 5)
  expect(lines?.lines.join('\n')).toMatch(/\(\) => .found./)
  expect(functionLines(fn, 5)).toEqual(lines)
  expect(lists()).toBe(1)
})

test('the debugger lists no scripts for another function of a file with a known text', () => {
  const [fn, other] = [() => 'one', () => 'other']
  functionLines(fn, 5)
  calls.length = 0
  expect(functionLines(other, 5)?.lines.join('\n')).toMatch(/\(\) => .other./)
  expect(lists()).toBe(0)
})

test('what is not a function has no place and no lines', () => {
  expect([functionPlace('fn'), functionLines(undefined, 5)]).toEqual([undefined, undefined])
  expect(lists()).toBe(0)
})

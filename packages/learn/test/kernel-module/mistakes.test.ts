/** What goes wrong in a module is reported by the learner's line, and harms the machine only. */
import { expect, test } from 'vitest'
import { checkModule, LIMIT_MS, lineWith, withChanged } from '../support/kernel-module.ts'

const XMIT = '\tcourse_swap(skb);\n'
const run = (change: readonly [string, string], text: string, exercise = '03-ring') =>
  withChanged(exercise, [change], async file => ({
    line: lineWith(file, text),
    file,
    check: await checkModule(exercise, file),
  }))

test('a null pointer in a module is reported by its line', { timeout: LIMIT_MS }, async () => {
  const crash = '\t*(volatile int *)8 = 1;'
  const { file, line, check } = await run([XMIT, `${crash}\n`], crash)
  expect(check.status).toBe(1)
  expect(check.results[0]?.seen).toContain(
    'BUG: kernel NULL pointer dereference, address: 0000000000000008',
  )
  expect(check.results[0]?.seen).toContain(`${file}:${line}, ring_start_xmit()`)
})

test('a loop without end in a module is ended and reported by its line', {
  timeout: LIMIT_MS,
}, async () => {
  const loop = '\tfor (;;) cpu_relax();'
  const { file, line, check } = await run([XMIT, `${loop}\n`], loop)
  expect(check.status).toBe(1)
  expect(check.results[0]?.seen).toContain('soft lockup')
  expect(check.results[0]?.seen).toContain(`${file}:${line}, ring_start_xmit()`)
})

test("a module that does not compile is reported by the compiler's line", {
  timeout: LIMIT_MS,
}, async () => {
  const wrong = '\tcourse_swapp(skb);'
  const { file, line, check } = await run([XMIT, `${wrong}\n`], wrong)
  expect(check.status).toBe(1)
  expect(check.results).toHaveLength(1)
  expect(check.results[0]?.seen).toMatch(new RegExp(`^${file}:${line}:\\d+: error: .*course_swapp`))
})

test('a module that loses frames fails the live check of the exercise', {
  timeout: LIMIT_MS,
}, async () => {
  const { check } = await run(
    ['\t\tnetif_rx(skb);\n', '\t\tdev_kfree_skb_any(skb);\n'],
    'dev_kfree_skb_any',
  )
  expect(check.status).toBe(1)
  expect(check.results[0]).toMatchObject({ result: 'failed', seen: 'ping got no reply' })
})

test('a module that does not count frames by queue fails the live check', {
  timeout: LIMIT_MS,
}, async () => {
  const { check } = await run(['\t\t\tlane->rx_packets++;\n', ''], '', '08-multiqueue')
  expect(check.results[0]?.seen).toMatch(
    /^[1-9]\d* frames came by queue \d, 0 went back on it, 0 were dropped$/,
  )
})

test('a module without offloads fails the live check for long frames', {
  timeout: LIMIT_MS,
}, async () => {
  const { check } = await run(['\tdev->features |= OFFLOADS;\n', ''], '', '09-offloads')
  expect(check.results[0]).toMatchObject({ title: 'TCP passes in long frames', result: 'failed' })
  expect(check.results[0]?.seen).toMatch(/^a received frame had \d{3,4} bytes on average$/)
})

import { closeSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { terminalStreams } from '../src/run/run-command.ts'

test('a program has the terminal, and of other descriptors those that its arguments name', () => {
  expect(terminalStreams(['-c', 'x'])).toEqual(['inherit', 'inherit', 'inherit'])
  const fd = openSync('/dev/null', 'r')
  try {
    const streams = terminalStreams([`--data=@/dev/fd/${fd}`])
    expect(streams).toHaveLength(fd + 1)
    expect(streams.slice(0, 3)).toEqual(['inherit', 'inherit', 'inherit'])
    expect(streams.slice(3, fd)).toEqual(Array(fd - 3).fill('ignore'))
    expect(streams[fd]).toBe(fd)
  } finally {
    closeSync(fd)
  }
})

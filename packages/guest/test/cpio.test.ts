import { expect, test } from 'vitest'
import { cpio } from '../src/cpio.ts'

test('an archive has each file and directory after a header of its size, aligned to 4 bytes', () => {
  const archive = cpio([
    { name: 'dev' },
    { name: 'init', content: Uint8Array.of(1, 2, 3), isProgram: true },
  ])
  const text = archive.toString('latin1')
  expect(archive.length % 4).toBe(0)
  expect(text.slice(0, 22)).toBe('070701' + '00000001' + '000041ed')
  const init = text.indexOf('070701', 6)
  expect(init % 4).toBe(0)
  expect(text.slice(init + 14, init + 22)).toBe('000081ed')
  expect(text.slice(init + 54, init + 62)).toBe('00000003')
  expect(text.slice(init + 110, init + 120)).toBe('init\0\0\x01\x02\x03\0')
  expect(text).toContain('TRAILER!!!')
})

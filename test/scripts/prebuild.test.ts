import { expect, test } from 'vitest'
import { newestGlibc } from '../../scripts/prebuild.mjs'

test("the newest glibc that a file needs is found in readelf's list, whatever the order", () => {
  const listed = `
  0x0010:   Name: GLIBC_2.2.5  Flags: none  Version: 6
  0x0020:   Name: GLIBC_2.38  Flags: none  Version: 5
  0x0030:   Name: GLIBC_2.4  Flags: none  Version: 4
  0x0040:   Name: GLIBCXX_3.4.40  Flags: none  Version: 3`
  expect(newestGlibc(listed)).toBe(38)
  expect(newestGlibc('No version information found in this file.')).toBe(0)
})

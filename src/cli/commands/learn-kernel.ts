/** `vnet learn --kernel`: writes the skeleton of an exercise's module in C. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Exercise } from '../../course/exercise.ts'
import { type Written, writeNew, writePage } from '../../course/folder.ts'
import { skeletonOf } from '../../course/kernel/skeleton.ts'
import { TestBed } from '../../testing/test-bed.ts'
import { loadDriver } from '../driver-file.ts'
import { cFileOf } from './check-kernel.ts'

/** Writes the page, too, which the learner reads first. */
export async function writeModule(parent: string, exercise: Exercise): Promise<Written[]> {
  const skeleton = join(exercise.directory, exercise.driver)
  const driver = await loadDriver(skeleton)
  const bed = await TestBed.make(driver, {}, {})
  const path = join(parent, exercise.name, cFileOf(exercise))
  try {
    const title = `${Number.parseInt(exercise.name, 10)}. ${exercise.title}`
    const text = skeletonOf({ title, driver, devices: bed.devices, text: readFileSync(skeleton, 'utf8') })
    return [writePage(parent, exercise), writeNew(path, text)]
  } finally {
    await bed.close()
  }
}

/** `vnet learn --kernel`: writes the skeleton of an exercise's module in C. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Exercise } from '../../course/exercise.ts'
import { skeletonOf } from '../../course/kernel/skeleton.ts'
import { TestBed } from '../../testing/test-bed.ts'
import { loadDriver } from '../driver-file.ts'
import { cFileOf } from './check-kernel.ts'

/** Returns the file, and whether it was written; an existing file is not changed. */
export async function writeModule(parent: string, exercise: Exercise): Promise<{ path: string; isNew: boolean }> {
  const skeleton = join(exercise.directory, exercise.driver)
  const driver = await loadDriver(skeleton)
  const bed = await TestBed.make(driver, {}, {})
  const path = join(parent, exercise.name, cFileOf(exercise))
  try {
    const title = `${Number.parseInt(exercise.name, 10)}. ${exercise.title}`
    const text = skeletonOf({ title, driver, devices: bed.devices, text: readFileSync(skeleton, 'utf8') })
    mkdirSync(join(parent, exercise.name), { recursive: true })
    writeFileSync(path, text, { flag: 'wx' })
    return { path, isNew: true }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return { path, isNew: false }
  } finally {
    await bed.close()
  }
}

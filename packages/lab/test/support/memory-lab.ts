/** Labs in memory that are closed after each test. */
import { afterEach } from 'vitest'
import { createLab, type Lab, type LabOptions } from '../../src/index.ts'

/** Call it once in a test file. */
export function memoryLabs() {
  const labs: Lab[] = []
  afterEach(async () => {
    for (const lab of labs.splice(0)) {
      await lab.close()
    }
  })
  async function made(options: LabOptions = {}): Promise<Lab> {
    const lab = await createLab({ world: 'memory', ...options })
    labs.push(lab)
    return lab
  }
  return { labs, made }
}

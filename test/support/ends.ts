/** Lets a test open objects that the file closes. */
import { afterEach } from 'vitest'

/**
 * Returns a list of the file. After each test its members are disposed of, the last one first, and
 * it is empty again.
 */
export function endedAfterEach<T extends Disposable>(): T[] {
  const ends: T[] = []
  afterEach(() => {
    for (const end of ends.splice(0).reverse()) {
      end[Symbol.dispose]()
    }
  })
  return ends
}

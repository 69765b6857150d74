import { EOPNOTSUPP, isErrno } from '../../base/errno.ts'

/** Returns the result of `ask`; undefined if the vnet or its driver does not support it. */
export async function supported<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (isErrno(error, EOPNOTSUPP)) return undefined
    throw error
  }
}

/**
 * The directory in which a test's program looks for vnets, so that it finds none of the machine's:
 *
 *     vi.mock('../../../src/control/protocol/run-directory.ts', async original =>
 *       (await import('../../support/own-run-directory.ts')).ownRunDirectory(original),
 *     )
 */

/** The directory, whose path the test sets. */
export const directory = { path: '', uid: process.geteuid?.() ?? 0 }
/** The other users that have vnets. */
export const users: number[] = []

export async function ownRunDirectory(original: () => Promise<object>): Promise<object> {
  return {
    ...(await original()),
    trustedDirectories: () => [directory],
    otherUsers: () => users,
    untrustedDirectories: () => [],
  }
}

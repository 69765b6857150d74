/** Reasons for which a frame is dropped: drop-reason.constants. drop-cause.ts has the meanings. */
export * from './drop-reason.generated.ts'

import { printable } from 'vnet/kit/base'

/** Like printable(), but doubles each backslash, so that different texts have different results. */
export const distinct = (text: string): string => printable(text.replaceAll('\\', '\\\\'))

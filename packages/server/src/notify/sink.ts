import type { Notice } from '../store/port.ts'

/** Where notices leave the house. Delivered at least once; the id tells copies apart. */
export interface NoticeSink {
  /** False, or a rejection, means: try again later. */
  deliver(notice: Notice): Promise<boolean>
}

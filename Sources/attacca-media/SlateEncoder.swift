// A still or a clip, encoded once to be like a stream that is on the air.

import CLibAV
import Glibc
import MediaJobs

enum SlateEncoder {
    static func encode(_ recipe: SlateRecipe) throws(MediaFailure) {
        throw MediaFailure("not yet")
    }
}

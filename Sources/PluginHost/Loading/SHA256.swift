import CSodium
import Glibc

/// `crypto_hash_sha256` of libsodium over a file.
enum SHA256 {
    /// Reads the whole of an open file with `pread`; nil where that fails.
    static func hexadecimal(of descriptor: Int32) -> String? {
        var state = crypto_hash_sha256_state()
        crypto_hash_sha256_init(&state)
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var offset = 0
        while true {
            let count = chunk.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            crypto_hash_sha256_update(&state, chunk, UInt64(count))
            offset += count
        }
        var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
        crypto_hash_sha256_final(&state, &digest)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

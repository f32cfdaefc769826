import CShim
import Glibc
import Platform

/// The allowed keys as the loop uses them. A connection is given the number of its key's slot; slots are never used again, so a
/// revoked key stays nobody.
struct KeyRing: ~Copyable {
    let directory: KeyDirectory?
    /// Readable when the directory changed (`inotify`); -1 where there is none.
    let descriptor: Int32
    private var slots: [AllowedKey?] = []

    init(directory: String?) {
        self.directory = directory.map(KeyDirectory.init)
        descriptor = directory.map { cshim_watch_directory($0) } ?? -1
        _ = reload()
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    var isEmpty: Bool { !slots.contains { $0 != nil } }

    /// Reads the directory again; true: some key or right is gone or changed.
    mutating func reload() -> Bool {
        if descriptor >= 0 {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while read(descriptor, &buffer, buffer.count) > 0 {}
        }
        let now = directory?.list() ?? []
        var isLess = false
        for (index, slot) in slots.enumerated() {
            if let slot, !now.contains(slot) {
                slots[index] = nil
                isLess = true
            }
        }
        for key in now where !slots.contains(key) { slots.append(key) }
        return isLess
    }

    func slot(of publicKey: String) -> Int? {
        slots.firstIndex { $0?.publicKey == publicKey }
    }

    func isKnown(slot: Int) -> Bool { slots.indices.contains(slot) && slots[slot] != nil }

    func account(slot: Int) -> Account? {
        slots.indices.contains(slot) ? slots[slot]?.account : nil
    }
}

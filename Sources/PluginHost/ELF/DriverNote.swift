import Glibc

/// The ELF note in `.note.berth`: who a driver is, readable without mapping its code. `berth_note_t` in driver.h.
public struct DriverNote: Sendable, Equatable {
    /// The ABI's name: `compute`.
    public var abi: String
    public var major: Int
    public var minor: Int
    /// Of the ABI's canonical text as of that minor.
    public var hash: UInt64
    public var id: String
    public var version: String

    static let section = ".note.berth"
    static let owner = "Berth"
    static let type = 1
    static let layout = 1
}

extension DriverNote {
    enum Failure: Error, Equatable {
        case absent
        case damaged(String)
        /// Made for a later Berth.
        case newerLayout(Int)
    }

    init(of file: ELFFile) throws(Failure) {
        guard let bytes = file.note(section: DriverNote.section, owner: DriverNote.owner, type: DriverNote.type) else { throw .absent }
        guard bytes.count >= 4 else { throw .damaged("it is cut short") }
        guard bytes.int32(0) == DriverNote.layout else { throw .newerLayout(bytes.int32(0)) }
        guard bytes.count >= 148 else { throw .damaged("it is cut short") }
        major = bytes.int32(4)
        minor = bytes.int32(8)
        hash = bytes.uint64(12)
        guard let abi = DriverNote.text(bytes[20..<52]), let id = DriverNote.text(bytes[52..<116]),
            let version = DriverNote.text(bytes[116..<148])
        else {
            throw .damaged("a text in it is not UTF-8 that ends with a zero")
        }
        self.abi = abi
        self.id = id
        self.version = version
        guard DriverNote.isID(id) else { throw .damaged("its id is not made of a-z, 0-9, '.' and '-'") }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        guard let end = bytes.firstIndex(of: 0) else { return nil }
        return String(validating: bytes[..<end], as: UTF8.self)
    }

    /// `[a-z0-9][a-z0-9.-]*`, at most 63 bytes.
    static func isID(_ id: String) -> Bool {
        let isWord = { (byte: UInt8) in (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }
        guard let first = id.utf8.first, id.utf8.count <= 63 else { return false }
        return isWord(first) && id.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }
}

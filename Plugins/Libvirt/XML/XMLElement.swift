import CLibXML2
import PluginKit

/// An element to be written. Nothing is ever pasted: libxml2's writer escapes every attribute and text
/// (`xmlTextWriterWriteAttribute`, `xmlTextWriterWriteString`), whatever a name or a tag holds.
struct XMLElement: Sendable, Equatable {
    enum Content: Sendable, Equatable {
        case element(XMLElement)
        case text(String)
    }

    var name: String
    var attributes: [Attribute] = []
    var content: [Content] = []

    struct Attribute: Sendable, Equatable {
        var name: String
        var value: String
    }

    init(_ name: String, _ attributes: KeyValuePairs<String, String?> = [:], _ children: [XMLElement] = []) {
        self.name = name
        self.attributes = attributes.compactMap { name, value in value.map { Attribute(name: name, value: $0) } }
        content = children.map(Content.element)
    }

    init(_ name: String, _ attributes: KeyValuePairs<String, String?> = [:], text: String) {
        self.init(name, attributes)
        content = [.text(text)]
    }

    mutating func add(_ child: XMLElement?) {
        if let child { content.append(.element(child)) }
    }

    /// The element as text. Throws `invalid` for characters that XML 1.0 has no way to write.
    func text() throws(DriverError) -> String {
        guard let offender = firstUnwritable else { return try written() }
        throw .invalid("'\(offender.name)' holds the character U+\(String(offender.scalar.value, radix: 16)), which XML cannot hold")
    }

    private func written() throws(DriverError) -> String {
        guard let buffer = xmlBufferCreate() else { throw .broken("libxml2 has no memory for a document") }
        defer { xmlBufferFree(buffer) }
        guard let writer = xmlNewTextWriterMemory(buffer, 0) else { throw .broken("libxml2 has no memory for a writer") }
        let isWritten = write(to: writer) && xmlTextWriterFlush(writer) >= 0
        xmlFreeTextWriter(writer)
        guard isWritten, let bytes = xmlBufferContent(buffer) else { throw .broken("libxml2 cannot write a document") }
        return String(decodingCString: bytes, as: UTF8.self)
    }

    private func write(to writer: xmlTextWriterPtr) -> Bool {
        guard xmlTextWriterStartElement(writer, name) >= 0 else { return false }
        for attribute in attributes {
            guard xmlTextWriterWriteAttribute(writer, attribute.name, attribute.value) >= 0 else { return false }
        }
        for content in content {
            switch content {
            case .element(let element):
                guard element.write(to: writer) else { return false }
            case .text(let text):
                guard xmlTextWriterWriteString(writer, text) >= 0 else { return false }
            }
        }
        return xmlTextWriterEndElement(writer) >= 0
    }

    /// XML 1.0 has no control characters but tab, line feed and carriage return, not even escaped.
    private var firstUnwritable: (name: String, scalar: Unicode.Scalar)? {
        func find(_ text: String) -> Unicode.Scalar? {
            text.unicodeScalars.first { scalar in
                switch scalar.value {
                case 0x09, 0x0A, 0x0D: false
                case 0..<0x20, 0xFFFE, 0xFFFF: true
                default: false
                }
            }
        }
        for attribute in attributes {
            if let scalar = find(attribute.value) { return (attribute.name, scalar) }
        }
        for content in content {
            switch content {
            case .text(let text):
                if let scalar = find(text) { return (name, scalar) }
            case .element(let element):
                if let found = element.firstUnwritable { return found }
            }
        }
        return nil
    }
}

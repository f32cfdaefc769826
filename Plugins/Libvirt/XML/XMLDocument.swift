import CLibXML2
import Glibc
import PluginKit

/// A document that was read (`xmlReadMemory`): no network, no external entities.
final class XMLDocument {
    private let raw: xmlDocPtr

    /// Text of libvirt's, read with libxml2's own limits on depth and size.
    init(parsing text: UnsafePointer<CChar>) throws(DriverError) {
        let options = Int32(XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue)
        guard let document = xmlReadMemory(text, Int32(clamping: strlen(text)), nil, nil, options) else {
            throw .broken("libvirt answered with XML that cannot be read")
        }
        raw = document
    }

    convenience init(_ text: String) throws(DriverError) {
        try self.init(parsing: text)
    }

    deinit {
        xmlFreeDoc(raw)
    }

    var root: XMLNode? {
        xmlDocGetRootElement(raw).map { XMLNode(document: self, raw: $0) }
    }
}

/// An element of a document that was read; keeps the document alive.
struct XMLNode {
    let document: XMLDocument
    let raw: xmlNodePtr

    var name: String { String(decodingCString: raw.pointee.name, as: UTF8.self) }

    /// The URI of its namespace (`xmlNs.href`).
    var namespace: String? {
        raw.pointee.ns.flatMap { $0.pointee.href }.map { String(decodingCString: $0, as: UTF8.self) }
    }

    /// `xmlGetNoNsProp`.
    func attribute(_ name: String) -> String? {
        xmlGetNoNsProp(raw, name).map(XMLNode.taking)
    }

    /// All the text below (`xmlNodeGetContent`).
    var text: String {
        xmlNodeGetContent(raw).map(XMLNode.taking) ?? ""
    }

    var children: [XMLNode] {
        var found: [XMLNode] = []
        var next = raw.pointee.children
        while let node = next {
            if node.pointee.type == XML_ELEMENT_NODE { found.append(XMLNode(document: document, raw: node)) }
            next = node.pointee.next
        }
        return found
    }

    func children(_ name: String) -> [XMLNode] {
        children.filter { $0.isNamed(name) }
    }

    /// The first child element of that name.
    func child(_ name: String) -> XMLNode? {
        var next = raw.pointee.children
        while let node = next {
            let child = XMLNode(document: document, raw: node)
            if node.pointee.type == XML_ELEMENT_NODE, child.isNamed(name) { return child }
            next = node.pointee.next
        }
        return nil
    }

    /// `child("a")?.child("b")` for any depth.
    func at(_ path: String...) -> XMLNode? {
        var node: XMLNode? = self
        for name in path { node = node?.child(name) }
        return node
    }

    private func isNamed(_ name: String) -> Bool {
        xmlStrEqual(raw.pointee.name, name) != 0
    }

    /// libxml2 hands strings over; its allocator is the C library's.
    private static func taking(_ text: UnsafeMutablePointer<xmlChar>) -> String {
        defer { free(text) }
        return String(decodingCString: text, as: UTF8.self)
    }
}

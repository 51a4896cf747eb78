"""The centre's books as a whole: days closed, vouchers of its finance, reports, exports."""
